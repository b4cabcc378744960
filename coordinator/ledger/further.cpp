#include "coordinator/ledger/further.hpp"

#include <algorithm>
#include <string_view>

namespace culvert::coordinator {
namespace {

constexpr std::string_view kTypes = "culvert/";

std::string_view next_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

// The value of a line `name: value`; empty: the line has another name.
std::string_view value_of(std::string_view line, std::string_view name) {
  if (!line.starts_with(name) || !line.substr(name.size()).starts_with(": ")) return {};
  return line.substr(name.size() + 2);
}

}  // namespace

Result<Further> check_further(const note::Note& note, const trust::Evidence& evidence) {
  std::string_view rest = note.text;
  if (!next_line(rest).starts_with(kTypes)) {
    return fail(ErrorCode::kInvalid, "a statement of an unknown type");
  }
  Further out;
  const trust::Root* root = nullptr;
  const auto first = next_line(rest);
  if (const auto vendor = trust::parse_hash(value_of(first, "vendor-id"))) {
    if (trust::to_vendor_id(*vendor) == evidence.vendor_id()) root = evidence.vendor_root();
  } else if (const auto name = trust::Fqdn::parse(value_of(first, "site"))) {
    const auto id = trust::parse_hash(value_of(next_line(rest), "site-id"));
    const auto site = evidence.site(*name);
    if (id && site && site->id == trust::to_site_id(*id)) {
      root = evidence.site_root(site->id);
      out.site = *site;
    }
  }
  if (root == nullptr) {
    return fail(ErrorCode::kUnverified,
                "a statement of an unknown type names no site or vendor that is known here");
  }
  const auto known = root->known_keys();
  auto kept = note::keep_known(note, known);
  if (!kept) return fail_with(kept.error());
  const auto signers = note::verify(*kept, known);
  if (!signers) return fail_with(signers.error());
  for (const auto& key : known) {
    const auto same = [&](const auto& signer) { return signer.key == key.key; };
    if (std::none_of(signers->begin(), signers->end(), same)) continue;
    out.signer = key.key;
    out.note = *std::move(kept);
    return out;
  }
  return fail(ErrorCode::kUnverified,
              "a statement of an unknown type that no key of its chain's current root has signed");
}

}  // namespace culvert::coordinator
