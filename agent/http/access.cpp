#include "agent/http/access.hpp"

#include <algorithm>

namespace culvert::http {
namespace {

bool is_header_text(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

void add_text(std::string& out, std::string_view key, std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += out.size() > 1 ? ",\"" : "\"";
  out += key;
  out += "\":\"";
  for (const char c : value.substr(0, kMaxLoggedText)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\') {
      out += "\\u00";
      out += kHex[byte / 16U];
      out += kHex[byte % 16U];
    } else {
      out += c;
    }
  }
  out += '"';
}

void add_number(std::string& out, std::string_view key, std::uint64_t value) {
  out += ",\"";
  out += key;
  out += "\":" + std::to_string(value);
}

}  // namespace

bool Identity::complete() const {
  return is_header_text(person) && is_header_text(grant) && is_header_text(device);
}

std::string render(const AccessRecord& record) {
  std::string out = "{";
  add_text(out, "time", format_time(record.at));
  add_text(out, "request", record.id);
  add_number(out, "audit", record.who.audit);
  add_text(out, "service", record.service);
  add_text(out, "grant", record.who.grant);
  add_text(out, "person", record.who.person);
  add_text(out, "device", record.who.device);
  add_text(out, "host", record.host);
  add_text(out, "method", record.method);
  add_text(out, "path", record.path);
  if (record.has_query) add_text(out, "query", "redacted");
  add_number(out, "status", static_cast<std::uint64_t>(record.status));
  add_number(out, "bytes_in", record.bytes_in);
  add_number(out, "bytes_out", record.bytes_out);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(record.took).count();
  add_number(out, "microseconds", static_cast<std::uint64_t>(std::max<std::int64_t>(took, 0)));
  if (record.error) add_text(out, "error", *record.error);
  out += "}\n";
  return out;
}

}  // namespace culvert::http
