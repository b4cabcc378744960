#include "agent/dns/names.hpp"

#include <algorithm>

namespace culvert::dns {
namespace {

// True when `name` has the labels of `zone` in a row, at its end or before other labels.
bool holds(std::string_view name, std::string_view zone) {
  for (std::size_t at = name.find(zone); at != std::string_view::npos;
       at = name.find(zone, at + 1)) {
    const std::size_t end = at + zone.size();
    if ((at == 0 || name[at - 1] == '.') && (end == name.size() || name[end] == '.')) return true;
  }
  return false;
}

Bytes own_answer(const Query& query, const Names& names) {
  if (query.class_ != kClassInternet) return make_answer(query, Rcode::kRefused);
  const auto address = names.granted ? names.granted(query.name) : std::nullopt;
  if (!address) return make_answer(query, Rcode::kNoSuchName);
  if (query.type != kTypeAaaa && query.type != kTypeAny) {
    return make_answer(query, Rcode::kNoError);
  }
  return make_answer(query, Rcode::kNoError, address);
}

}  // namespace

bool Names::ours(std::string_view name) const {
  return holds(name, kReverseZone) ||
         std::any_of(suffixes.begin(), suffixes.end(),
                     [&](const std::string& suffix) { return holds(name, suffix); });
}

Outcome handle(ByteView message, const Names& names) {
  auto query = parse_query(message);
  if (!query) return {make_error(message, query.error()), std::nullopt};
  if (query->edns_version != 0) {  // only version 0 is supported (RFC 6891 §6.1.3)
    return {make_answer(*query, Rcode::kBadVersion), std::nullopt};
  }
  if (names.ours(query->name)) return {own_answer(*query, names), std::nullopt};
  return {std::nullopt, std::move(*query)};
}

}  // namespace culvert::dns
