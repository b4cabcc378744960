#include "agent/cli/approvals/admission.hpp"

#include "proto/runtime/disk/files.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/register/limits.hpp"
#include "proto/trust/statements/fields.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kType = "culvert/admission/v1\n";
constexpr const char* kFolder = "ledger";
constexpr const char* kPersons = "persons";

std::string groups_of(const trust::Node& node) {
  std::string out;
  for (const auto& group : node.groups) out += (out.empty() ? "" : " ") + group.str();
  return out.empty() ? "none" : out;
}

bool same_keys(const trust::Node& a, const trust::Node& b) {
  return a.identity == b.identity && a.wireguard == b.wireguard && a.control == b.control &&
         a.relay == b.relay && a.disco == b.disco;
}

tl::unexpected<Error> by_hand(const std::string& why) {
  return fail(ErrorCode::kDenied,
              why + ": read it in culvert device list and sign it with culvert device admit");
}

Status in_time(const trust::Node& node, WallTime now) {
  if (node.issued > now + trust::kIssuedSkew) {
    return fail(ErrorCode::kStale, "its text is issued in the future, " + format_time(node.issued) +
                                       ": look at the clocks of both machines");
  }
  if (node.expires <= now) {
    return fail(ErrorCode::kStale, "its text is over since " + format_time(node.expires));
  }
  return {};
}

}  // namespace

std::string Admitted::render() const {
  return std::string(kType) + "until: " + format_time(until) +
         "\nended: " + (ended ? "yes" : "no") + "\n\n" + last.render();
}

Result<Admitted> Admitted::parse(std::string_view text) {
  const auto bad = [] { return fail(ErrorCode::kInvalid, "not a culvert/admission/v1 file"); };
  const auto split = text.find("\n\n");
  if (split == std::string_view::npos) return bad();
  auto node = trust::Node::parse(text.substr(split + 2));
  if (!node) return fail_with(node.error());
  Admitted out;
  out.last = std::move(*node);
  const auto until = text.find("until: ");
  const auto line_end = text.find('\n', until == std::string_view::npos ? 0 : until);
  if (until == std::string_view::npos || until > split) return bad();
  const auto time = parse_time(text.substr(until + 7, line_end - until - 7));
  if (!time) return bad();
  out.until = *time;
  out.ended = text.substr(0, split).ends_with("\nended: yes");
  if (out.render() != text || out.last.kind != trust::NodeKind::kDevice) return bad();
  return out;
}

Result<AdmissionLedger> AdmissionLedger::open(const fs::path& key_folder) {
  AdmissionLedger out;
  out.folder_ = key_folder / kFolder;
  if (!fs::exists(out.folder_)) return out;
  for (const auto& entry : fs::directory_iterator(out.folder_)) {
    const auto name = entry.path().filename().string();
    if (name != kPersons && name.size() != 64) continue;  // a temporary file
    const auto bytes = runtime::read_file(entry.path().string());
    if (!bytes) return fail_with(bytes.error());
    const auto damaged = [&](const std::string& why) {
      return fail(ErrorCode::kInvalid, entry.path().string() + " is damaged (" + why +
                                           "): restore it from a backup; without it a device that "
                                           "was revoked could be admitted again");
    };
    if (name != kPersons) {
      auto device = Admitted::parse(text(*bytes));
      if (!device) return damaged(device.error().message);
      if (device->last.identity.hex() != name) return damaged("of another device");
      const auto identity = device->last.identity;
      out.devices_.emplace(identity, std::move(*device));
      continue;
    }
    std::string_view rest = text(*bytes);
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      const auto person = trust::Person::parse(rest.substr(0, end));
      if (!person || end == std::string_view::npos) return damaged("a line that names no person");
      out.persons_.insert(*person);
      rest.remove_prefix(end + 1);
    }
  }
  return out;
}

const Admitted* AdmissionLedger::find(const trust::IdentityKey& identity) const {
  const auto found = devices_.find(identity);
  return found == devices_.end() ? nullptr : &found->second;
}

Status AdmissionLedger::record(const Admitted& admitted) {
  if (auto made = runtime::make_private_folder(folder_.string()); !made) return made;
  const auto path = (folder_ / admitted.last.identity.hex()).string();
  auto written = runtime::write_secret_file(path, view(admitted.render()));
  if (written) devices_[admitted.last.identity] = admitted;
  return written;
}

Status AdmissionLedger::end(const trust::IdentityKey& identity) {
  const auto* known = find(identity);
  if (known == nullptr) {
    return fail(ErrorCode::kNotFound, "no such device was admitted with the keys of this folder");
  }
  auto ended = *known;
  ended.ended = true;
  return record(ended);
}

Status AdmissionLedger::end(const trust::Person& person) {
  if (auto made = runtime::make_private_folder(folder_.string()); !made) return made;
  auto all = persons_;
  all.insert(person);
  std::string lines;
  for (const auto& one : all) lines += one.str() + "\n";
  auto written = runtime::write_secret_file((folder_ / kPersons).string(), view(lines));
  if (written) persons_ = std::move(all);
  return written;
}

std::vector<std::string> differences(const AdmissionLedger& ledger, const trust::Node& waiting) {
  const auto* known = ledger.find(waiting.identity);
  if (known == nullptr) return {"a new device: nothing was ever signed for this identity"};
  const auto& last = known->last;
  std::vector<std::string> out;
  const auto changed = [&](const char* what, const std::string& was, const std::string& is) {
    if (was != is) out.push_back(std::string(what) + " was " + was + " and is now " + is);
  };
  changed("the name", last.name.str(), waiting.name.str());
  changed("the person", last.person.str(), waiting.person.str());
  changed("the groups", groups_of(last), groups_of(waiting));
  if (!same_keys(last, waiting)) out.emplace_back("its keys are other ones");
  if (waiting.expires - waiting.issued > last.expires - last.issued) {
    out.push_back("it would live longer: " + format_duration(waiting.expires - waiting.issued) +
                  ", not " + format_duration(last.expires - last.issued));
  }
  if (waiting.serial < last.serial) out.emplace_back("it is older than what was signed last");
  if (known->ended) out.emplace_back("this device was revoked");
  if (ledger.has_ended(waiting.person)) out.emplace_back("this person has ended");
  return out;
}

Status may_admit(const AdmissionLedger& ledger, const trust::Node& waiting, WallTime now) {
  if (ledger.has_ended(waiting.person)) {
    return fail(ErrorCode::kDenied, waiting.person.str() + " has ended and is admitted no more");
  }
  if (auto ok = in_time(waiting, now); !ok) return ok;
  const auto* known = ledger.find(waiting.identity);
  if (known == nullptr) return {};
  if (known->ended) {
    return fail(ErrorCode::kDenied,
                "this device was revoked; it comes back only with a new identity (an empty --state "
                "folder and a new token)");
  }
  if (waiting == known->last) return {};  // signed before
  if (waiting.serial <= known->last.serial) {
    return fail(ErrorCode::kStale, "its text is older than the one that was signed last");
  }
  return {};
}

Status may_renew(const AdmissionLedger& ledger, const trust::Node& waiting, WallTime now) {
  if (auto ok = may_admit(ledger, waiting, now); !ok) return ok;
  const auto* known = ledger.find(waiting.identity);
  if (known == nullptr) return by_hand("it was never admitted");
  if (now >= known->until) {
    return by_hand("its admission ended " + format_time(known->until));
  }
  if (now > known->last.expires + kRenewGrace) {
    return by_hand("its last statement is over since " + format_time(known->last.expires));
  }
  const auto changed = differences(ledger, waiting);
  if (!changed.empty()) return by_hand(changed.front());
  return {};
}

}  // namespace culvert::cli
