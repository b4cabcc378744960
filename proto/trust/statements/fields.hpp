// The `field: value` lines of a statement. After the first error the reader returns default values,
// so a parse reads like the description of the format; finish() returns the error.
#pragma once

#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

// Decimal without sign or leading zero.
std::optional<std::uint64_t> parse_number(std::string_view text);
std::optional<std::chrono::seconds> parse_seconds(std::string_view text);  // 900s
// NFC UTF-8 of 1 to 200 code points, none of Cc Cf Zl Zp Co Cn, no space at either end.
bool valid_reason(std::string_view text);
std::optional<std::chrono::hours> parse_hours(std::string_view text);  // 24h
// Splits "a b c" at single spaces into `count` words; the last takes the rest. Empty: too few.
std::vector<std::string_view> split_words(std::string_view text, std::size_t count);

constexpr std::size_t kMaxStatementSize = 16 * 1024;  // of a text; a policy may be larger

class FieldReader {
 public:
  FieldReader(std::string_view text, std::string_view type, std::size_t most = kMaxStatementSize);

  bool next_is(std::string_view name) const;    // false after an error
  std::string_view raw(std::string_view name);  // the value; the field must be the next line
  void fail(std::string_view name, std::string_view why);

  // A typed field: parse is text → optional<T>.
  template <class Parse>
  auto field(std::string_view name, Parse parse) {
    using T = typename decltype(parse(std::string_view{}))::value_type;
    const auto text = raw(name);
    auto value = error_ ? std::nullopt : parse(text);
    if (!error_ && !value) fail(name, "has a wrong form");
    return value ? std::move(*value) : T{};
  }
  // A field that stands `least` to `most` times, values strictly ascending by operator<.
  template <class Parse>
  auto sorted(std::string_view name, std::size_t least, std::size_t most, Parse parse) {
    std::vector<typename decltype(parse(std::string_view{}))::value_type> out;
    while (!error_ && next_is(name)) {
      if (out.size() == most) fail(name, "stands too often");
      out.push_back(field(name, parse));
      if (out.size() > 1 && !(out[out.size() - 2] < out.back())) fail(name, "lines are not sorted");
    }
    if (!error_ && out.size() < least) fail(name, "is missing");
    return out;
  }

  std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most);
  Hash hash(std::string_view name) { return field(name, parse_hash); }
  std::optional<Hash> hash_or(std::string_view name, std::string_view none);  // nothing: `none`
  WallTime time(std::string_view name) { return field(name, parse_time); }
  Fqdn fqdn(std::string_view name) { return field(name, Fqdn::parse); }
  Label label(std::string_view name) { return field(name, Label::parse); }
  Person person(std::string_view name) { return field(name, Person::parse); }
  crypto::VerifyKey ed25519(std::string_view name) { return field(name, crypto::parse_ed25519); }
  template <class Key>
  Key x25519(std::string_view name) {
    return Key{field(name, crypto::parse_x25519)};
  }
  SiteRef site();  // the two lines `site` and `site-id`
  VendorId vendor_id() { return to_vendor_id(hash("vendor-id")); }
  std::string reason();
  void require(bool ok, std::string_view name, std::string_view why) {
    if (!ok) fail(name, why);
  }

  // All lines must be read, and the statement must render to the same text.
  template <class Statement>
  Result<Statement> finish(Statement statement) {
    if (!error_ && !rest_.empty()) error_ = unexpected_line();
    if (!error_ && statement.render() != text_) error_ = wrong("text", "has a second spelling");
    if (error_) return fail_with(std::move(*error_));
    return statement;
  }

 private:
  Error wrong(std::string_view name, std::string_view why) const;
  Error unexpected_line() const;

  std::string_view text_;
  std::string_view type_;
  std::string_view rest_;
  std::optional<Error> error_;
};

class FieldWriter {
 public:
  explicit FieldWriter(std::string_view type) { out_.append(type).append("\n"); }
  FieldWriter& line(std::string_view name, std::string_view value);
  FieldWriter& number(std::string_view name, std::uint64_t value) {
    return line(name, std::to_string(value));
  }
  FieldWriter& hash(std::string_view name, ByteView value) {
    return line(name, format_hash(value));
  }
  FieldWriter& time(std::string_view name, WallTime at) { return line(name, format_time(at)); }
  FieldWriter& site(const SiteRef& site);
  template <class List, class Format>
  FieldWriter& each(std::string_view name, const List& list, Format format) {
    for (const auto& item : list) line(name, format(item));
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace culvert::trust
