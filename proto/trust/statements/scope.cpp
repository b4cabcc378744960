#include "proto/trust/statements/scope.hpp"

#include <algorithm>

namespace culvert::trust {
namespace {

constexpr std::size_t kMaxValue = 100;

// Removes and returns the part of `rest` before the next `separator`; removes the separator too.
std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto out = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return out;
}

bool valid_value(std::string_view value) {
  return !value.empty() && value.size() <= kMaxValue &&
         std::all_of(value.begin(), value.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("-._:/@+").find(c) != std::string_view::npos;
         });
}

std::optional<ScopeList> parse_list(std::string_view text) {
  if (text.empty() || text.back() == ',') return std::nullopt;
  const auto key = Label::parse(take_until(text, '='));
  if (!key || text.empty()) return std::nullopt;
  ScopeList out{*key, {}};
  if (text == "*") {
    out.values = {"*"};
    return out;
  }
  while (!text.empty()) {
    const auto value = take_until(text, ',');
    if (!valid_value(value)) return std::nullopt;
    if (!out.values.empty() && !(out.values.back() < value)) return std::nullopt;
    out.values.emplace_back(value);
  }
  return out;
}

bool list_fits(const ScopeList& wanted, const ScopeList& allowed) {
  return wanted.key == allowed.key && !wanted.any() &&
         (allowed.any() || std::includes(allowed.values.begin(), allowed.values.end(),
                                         wanted.values.begin(), wanted.values.end()));
}

}  // namespace

std::optional<Scope> Scope::parse(std::string_view text) {
  if (text.size() > kMaxScope || text.empty() || text.back() == ' ') return std::nullopt;
  const auto word = Label::parse(take_until(text, ' '));
  if (!word) return std::nullopt;
  Scope out{*word, {}};
  while (!text.empty()) {
    auto list = parse_list(take_until(text, ' '));
    if (!list || (!out.lists.empty() && !(out.lists.back().key < list->key))) return std::nullopt;
    out.lists.push_back(std::move(*list));
  }
  return out;
}

bool Scope::open() const {
  return std::any_of(lists.begin(), lists.end(), [](const ScopeList& list) { return list.any(); });
}

bool valid_policy_scope(std::string_view text) { return Scope::parse(text).has_value(); }

bool valid_grant_scope(std::string_view text) {
  const auto scope = Scope::parse(text);
  return scope && !scope->open();
}

bool scope_fits(std::string_view wanted, std::string_view allowed) {
  const auto grant = Scope::parse(wanted);
  const auto line = Scope::parse(allowed);
  return grant && line && !grant->open() && grant->word == line->word &&
         std::equal(grant->lists.begin(), grant->lists.end(), line->lists.begin(),
                    line->lists.end(), list_fits);
}

}  // namespace culvert::trust
