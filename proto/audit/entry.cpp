#include "proto/audit/entry.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "proto/core/utf8.hpp"

namespace culvert::audit {
namespace {

constexpr std::array<std::pair<Kind, std::string_view>, 18> kNames = {{
    {Kind::kAgentStart, "agent-start"},
    {Kind::kNodeAdmitted, "node-admitted"},
    {Kind::kRequest, "request"},
    {Kind::kApproval, "approval"},
    {Kind::kWithdrawal, "withdrawal"},
    {Kind::kDenial, "denial"},
    {Kind::kRevocation, "revocation"},
    {Kind::kGrantActive, "grant-active"},
    {Kind::kGrantEnded, "grant-ended"},
    {Kind::kFlowOpen, "flow-open"},
    {Kind::kFlowClose, "flow-close"},
    {Kind::kFlowGroup, "flow-group"},
    {Kind::kFlowDenied, "flow-denied"},
    {Kind::kLeaseLapsed, "lease-lapsed"},
    {Kind::kLock, "lock"},
    {Kind::kUnlock, "unlock"},
    {Kind::kClock, "clock"},
    {Kind::kAlarm, "alarm"},
}};

struct TextField {
  std::string_view name;
  std::string Entry::*member;
};
constexpr std::array<TextField, 7> kTextFields = {{
    {"who", &Entry::who},
    {"device", &Entry::device},
    {"site", &Entry::site},
    {"grant", &Entry::grant},
    {"service", &Entry::service},
    {"outcome", &Entry::outcome},
    {"detail", &Entry::detail},
}};
struct CountField {
  std::string_view name;
  std::uint64_t Entry::*member;
};
constexpr std::array<CountField, 3> kCountFields = {{
    {"count", &Entry::count},
    {"bytes-in", &Entry::bytes_in},
    {"bytes-out", &Entry::bytes_out},
}};

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool plain(char c) { return c > ' ' && c < 0x7f && c != '%' && c != '='; }

std::string escape(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (plain(c)) {
      out += c;
    } else {
      out += '%';
      out += kHexDigits[byte >> 4U];
      out += kHexDigits[byte & 15U];
    }
  }
  return out;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (!take_code_point(text)) return false;
  }
  return true;
}

// `text` with U+FFFD in place of each byte that belongs to no character.
std::string cleaned(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto before = text;
    if (take_code_point(text)) {
      out += before.substr(0, before.size() - text.size());
    } else {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    }
  }
  return out;
}

// Cuts `text` to its first half, before a character that the cut would split.
void halve(std::string& text) {
  auto size = text.size() / 2;
  while (size > 0 && (static_cast<std::uint8_t>(text[size]) & 0xC0U) == 0x80U) --size;
  text.resize(size);
}

// Accepts more spellings than render() writes; parse_entry() checks the spelling of the whole line.
std::optional<std::string> unescape(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%') {
      out += value[i];
      continue;
    }
    if (i + 2 >= value.size()) return std::nullopt;
    const auto high = kHexDigits.find(value[i + 1]);
    const auto low = kHexDigits.find(value[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string render_whole(const Entry& entry) {
  std::string line = format_time(entry.at) + " " + std::string(name_of(entry.kind));
  for (const auto& field : kTextFields) {
    const auto& value = entry.*field.member;
    if (!value.empty()) line += " " + std::string(field.name) + "=" + escape(value);
  }
  for (const auto& field : kCountFields) {
    const auto value = entry.*field.member;
    if (value != 0) line += " " + std::string(field.name) + "=" + std::to_string(value);
  }
  return line;
}

tl::unexpected<Error> malformed() { return fail(ErrorCode::kInvalid, "audit: malformed entry"); }

// Takes the next word off `rest`, with the space after the word.
std::string_view word(std::string_view& rest) {
  const auto space = rest.find(' ');
  const auto out = rest.substr(0, space);
  rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
  return out;
}

bool set_field(Entry& entry, std::string_view name, std::string_view value) {
  for (const auto& field : kTextFields) {
    if (name != field.name) continue;
    const auto plain_value = unescape(value);
    if (plain_value) entry.*field.member = *plain_value;
    return plain_value.has_value();
  }
  for (const auto& field : kCountFields) {
    if (name != field.name) continue;
    const auto* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, entry.*field.member);
    return error == std::errc{} && stop == end;
  }
  return false;
}

}  // namespace

std::string_view name_of(Kind kind) {
  const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                   [&](const auto& pair) { return pair.first == kind; });
  return found == kNames.end() ? "unknown" : found->second;
}

std::string render(const Entry& entry) {
  auto line = render_whole(entry);
  if (line.size() <= kMaxEntryLine) return line;
  Entry cut = entry;
  while (line.size() > kMaxEntryLine) {
    const auto longest =
        std::max_element(kTextFields.begin(), kTextFields.end(), [&](const auto& a, const auto& b) {
          return (cut.*a.member).size() < (cut.*b.member).size();
        });
    halve(cut.*(longest->member));
    line = render_whole(cut);
  }
  return line;
}

bool is_utf8(const Entry& entry) {
  return std::all_of(kTextFields.begin(), kTextFields.end(),
                     [&](const auto& field) { return is_utf8(entry.*field.member); });
}

void make_utf8(Entry& entry) {
  for (const auto& field : kTextFields) {
    auto& value = entry.*field.member;
    if (!is_utf8(value)) value = cleaned(value);
  }
}

Result<Entry> parse_entry(std::string_view line) {
  if (line.size() > kMaxEntryLine) return malformed();
  Entry entry;
  auto rest = line;
  const auto at = parse_time(word(rest));
  const auto kind_name = word(rest);
  const auto* kind = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& pair) { return pair.second == kind_name; });
  if (!at || kind == kNames.end()) return malformed();
  entry.at = *at;
  entry.kind = kind->first;
  while (!rest.empty()) {
    const auto field = word(rest);
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) return malformed();
    if (!set_field(entry, field.substr(0, equals), field.substr(equals + 1))) return malformed();
  }
  if (render_whole(entry) != line) return malformed();  // one spelling: order, escapes, no repeats
  return entry;
}

bool matches(const Query& query, const Entry& entry) {
  if (query.since && entry.at < *query.since) return false;
  if (query.until && entry.at > *query.until) return false;
  if (!query.who.empty() && entry.who != query.who) return false;
  if (!query.grant.empty() && entry.grant != query.grant) return false;
  return query.service.empty() || entry.service == query.service;
}

}  // namespace culvert::audit
