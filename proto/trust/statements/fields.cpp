#include "proto/trust/statements/fields.hpp"

#include <algorithm>

#include "proto/core/unicode.hpp"
#include "proto/core/utf8.hpp"

namespace culvert::trust {
namespace {

constexpr std::size_t kMaxReasonPoints = 200;

bool printable(std::string_view value) {
  return !value.empty() && value.front() != ' ' && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

namespace {

std::optional<std::int64_t> parse_count(std::string_view text, char unit) {
  if (text.empty() || text.back() != unit) return std::nullopt;
  const auto count = parse_number(text.substr(0, text.size() - 1));
  if (!count || *count > 1'000'000'000) return std::nullopt;
  return static_cast<std::int64_t>(*count);
}

}  // namespace

std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
  const auto count = parse_count(text, 's');
  return count ? std::optional(std::chrono::seconds{*count}) : std::nullopt;
}

std::optional<std::chrono::hours> parse_hours(std::string_view text) {
  const auto count = parse_count(text, 'h');
  return count ? std::optional(std::chrono::hours{*count}) : std::nullopt;
}

bool valid_reason(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  std::size_t count = 0;
  std::size_t combining = unicode::kMaxCombining;  // so the first is not combining
  bool after_starter = false;
  while (!text.empty()) {
    const auto point = take_code_point(text);
    if (!point || ++count > kMaxReasonPoints) return false;
    const bool starter = unicode::is_starter(*point);
    if (!starter && !(unicode::is_mark(*point) && after_starter)) return false;
    after_starter = starter;
    combining = unicode::is_combining(*point) ? combining + 1 : 0;
    if (combining > unicode::kMaxCombining) return false;
  }
  return true;
}

std::vector<std::string_view> split_words(std::string_view text, std::size_t count) {
  std::vector<std::string_view> out;
  while (out.size() + 1 < count) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return {};
    out.push_back(text.substr(0, space));
    text.remove_prefix(space + 1);
  }
  out.push_back(text);
  return out;
}

FieldReader::FieldReader(std::string_view text, std::string_view type, std::size_t most)
    : text_(text), type_(type) {
  if (auto status = note::check_text(text, most); !status) {
    error_ = std::move(status.error());
    return;
  }
  const auto end = text.find('\n');
  if (text.substr(0, end) != type) {
    error_ = wrong("first line", "is not this type and version");
    return;
  }
  rest_ = text.substr(end + 1);
}

bool FieldReader::next_is(std::string_view name) const {
  return !error_ && rest_.starts_with(name) && rest_.substr(name.size()).starts_with(": ");
}

std::string_view FieldReader::raw(std::string_view name) {
  if (error_) return {};
  if (!next_is(name)) {
    error_ = unexpected_line();
    error_->message += " where '" + std::string(name) + "' must stand";
    return {};
  }
  rest_.remove_prefix(name.size() + 2);
  const auto end = rest_.find('\n');
  const auto value = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  if (name != "reason" && !printable(value)) fail(name, "is not plain printable ASCII");
  return value;
}

void FieldReader::fail(std::string_view name, std::string_view why) {
  if (!error_) error_ = wrong(name, why);
}

Error FieldReader::wrong(std::string_view name, std::string_view why) const {
  return {ErrorCode::kInvalid,
          std::string(type_) + ": '" + std::string(name) + "' " + std::string(why)};
}

Error FieldReader::unexpected_line() const {
  if (rest_.empty()) return wrong("end of text", "stands");
  return wrong("unexpected field", "or value stands");
}

std::uint64_t FieldReader::number(std::string_view name, std::uint64_t least, std::uint64_t most) {
  const auto value = field(name, parse_number);
  require(value >= least && value <= most, name, "is out of range");
  return value;
}

std::optional<Hash> FieldReader::hash_or(std::string_view name, std::string_view none) {
  if (next_is(name) && rest_.substr(name.size() + 2).starts_with(std::string(none) + "\n")) {
    raw(name);
    return std::nullopt;
  }
  return hash(name);
}

SiteRef FieldReader::site() {
  SiteRef out;
  out.name = fqdn("site");
  out.id = to_site_id(hash("site-id"));
  return out;
}

std::string FieldReader::reason() {
  const auto text = raw("reason");
  require(valid_reason(text), "reason",
          "must be 1 to 200 visible characters of composed (NFC) UTF-8 on one line");
  return std::string(text);
}

FieldWriter& FieldWriter::line(std::string_view name, std::string_view value) {
  out_.append(name).append(": ").append(value).append("\n");
  return *this;
}

FieldWriter& FieldWriter::site(const SiteRef& site) {
  return line("site", site.name.str()).hash("site-id", site.id.view());
}

}  // namespace culvert::trust
