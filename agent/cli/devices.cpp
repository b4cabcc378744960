// Laptops, for who holds a device-admission key: what waits, signing it, renewing it, ending it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/cli/admission.hpp"
#include "agent/cli/format.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/output.hpp"
#include "agent/cli/session.hpp"
#include "agent/cli/statement.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::cli {
namespace {

constexpr std::chrono::seconds kWarnUntil{14 * 24 * 3600};

struct Device {
  note::Note note;
  trust::Node node;
  std::string state;  // as the coordinator says it

  bool waits() const { return state.starts_with("WAITING"); }
};

// Session, ledger and what the coordinator lists; malformed texts are left out, and so is what the
// device itself has not signed.
struct Desk {
  std::unique_ptr<Session> session;
  AdmissionLedger ledger;
  std::vector<Device> devices;

  WallTime now() const { return session->now().wall; }
  Status sign(Device device, WallTime until);
};

Result<Desk> open_desk(const ByKey& by) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kDeviceAdmission}); !ok) {
    return fail_with(ok.error());
  }
  auto ledger = AdmissionLedger::open(std::filesystem::absolute(by.key_file).parent_path());
  if (!ledger) return fail_with(ledger.error());
  auto entries = (*session)->list(control::ListWhat::kDevices);
  if (!entries) return fail_with(entries.error());
  Desk out{std::move(*session), std::move(*ledger), {}};
  for (const auto& entry : *entries) {
    auto note = note::parse(entry.note);
    if (!note) continue;
    auto node = trust::verify_self_signed(*note);
    if (!node || node->kind != trust::NodeKind::kDevice) continue;
    out.devices.push_back({std::move(*note), std::move(*node), entry.state});
  }
  return out;
}

// The ledger first: a signature that it does not know of must not get out.
Status Desk::sign(Device device, WallTime until) {
  const auto& key = session->key();
  auto admitted = trust::add_signature(std::move(device.note), {key.person.str(), key.key});
  if (!admitted) return fail_with(admitted.error());
  if (auto kept = ledger.record({device.node, until, false}); !kept) return kept;
  const auto sent = session->put(*admitted);
  return sent ? Status{} : fail_with(sent.error());
}

Result<WallTime> parse_until(const std::string& text, WallTime now) {
  const auto length = text.empty() ? std::optional(kDefaultAdmission) : parse_duration(text);
  if (!length || *length > kMaxAdmission) {
    return fail(ErrorCode::kInvalid, "--until: a time up to 400d, such as 90d");
  }
  return now + *length;
}

Result<std::vector<trust::Label>> parse_groups(const std::vector<std::string>& words) {
  std::vector<trust::Label> out;
  for (const auto& word : words) {
    const auto label = trust::Label::parse(word);
    if (!label) return fail(ErrorCode::kInvalid, "--group: not a label: " + word);
    out.push_back(*label);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The waiting device that the options name: by the hash of its text, or by the device's key, its
// person and its groups together.
Result<Device> find_waiting(const Desk& desk, const DeviceAdmit& options) {
  const auto groups = parse_groups(options.groups);
  if (!groups) return fail_with(groups.error());
  if (options.text.empty() && (options.device.empty() || options.person.empty())) {
    return fail(ErrorCode::kInvalid,
                "name the text that was read, sha256:… (culvert device list shows it), or the "
                "device with its person and groups: --device ed25519:… --person user@domain "
                "--group LABEL");
  }
  for (const auto& device : desk.devices) {
    if (!device.waits()) continue;
    if (!options.text.empty()) {
      if (text_hash(device.note) == options.text) return device;
      continue;
    }
    if (crypto::format_ed25519(device.node.identity) != options.device) continue;
    if (device.node.person.str() != options.person || device.node.groups != *groups) {
      return fail(ErrorCode::kDenied, "that device waits with another person or other groups: " +
                                          device.node.person.str() +
                                          "; see culvert device list, and ask its person");
    }
    return device;
  }
  return fail(ErrorCode::kNotFound,
              options.text.empty()
                  ? "no such device waits for admission; see: culvert device list --key FILE"
                  : "no such text waits for admission (a device replaces its text when it asks "
                    "again); see: culvert device list --key FILE");
}

void warn_of_ends(const Desk& desk) {
  for (const auto& [identity, device] : desk.ledger.devices()) {
    if (device.ended || desk.ledger.has_ended(device.last.person)) continue;
    if (device.until <= desk.now() || device.until > desk.now() + kWarnUntil) continue;
    hint(device.last.name.str() + " of " + device.last.person.str() + " is renewed until " +
         format_time(device.until) + " only; then it must be admitted again");
  }
}

}  // namespace

Status list_devices(const ByKey& by) {
  auto desk = open_desk(by);
  if (!desk) return fail_with(desk.error());
  if (desk->devices.empty()) print("no device waits for admission");
  for (const auto& device : desk->devices) {
    show_says(device.state, text_hash(device.note));
    if (device.waits()) {
      const auto changed = differences(desk->ledger, device.node);
      for (const auto& line : changed) print("  " + yellow("! " + line));
      if (changed.empty()) print("  as it was last signed; culvert device renew signs it");
    }
    show_statement(device.note.text);
  }
  warn_of_ends(*desk);
  return {};
}

// Anyone with a token can wait under any person's name, and a waiting text can be replaced at any
// moment: what is signed is the text that was read.
Status admit_device(const ByKey& by, const DeviceAdmit& options) {
  auto desk = open_desk(by);
  if (!desk) return fail_with(desk.error());
  const auto until = parse_until(options.until, desk->now());
  if (!until) return fail_with(until.error());
  const auto device = find_waiting(*desk, options);
  if (!device) return fail_with(device.error());
  if (auto ok = may_admit(desk->ledger, device->node, desk->now()); !ok) return ok;
  print("admitting, signed as shown:");
  show_statement(device->note.text);
  if (auto ok = desk->sign(*device, *until); !ok) return ok;
  print(green("admitted") + " " + device->node.name.str() + " of " + device->node.person.str() +
        " until " + format_time(device->node.expires) + "; culvert device renew signs its next " +
        "texts until " + format_time(*until));
  return {};
}

Status renew_devices(const ByKey& by) {
  auto desk = open_desk(by);
  if (!desk) return fail_with(desk.error());
  std::size_t left = 0;
  std::size_t renewed = 0;
  for (const auto& device : desk->devices) {
    if (!device.waits()) continue;
    const auto about = device.node.name.str() + " of " + device.node.person.str();
    if (auto ok = may_renew(desk->ledger, device.node, desk->now()); !ok) {
      ++left;
      print(yellow("left") + " " + about + ": " + ok.error().message);
      continue;
    }
    const auto until = desk->ledger.find(device.node.identity)->until;
    if (auto ok = desk->sign(device, until); !ok) return ok;
    ++renewed;
    print(green("renewed") + " " + about + " until " + format_time(device.node.expires));
  }
  if (renewed + left == 0) print("no device waits for renewal");
  warn_of_ends(*desk);
  return {};
}

// In the ledger first, so that no renewal comes between; then for everybody else.
Status revoke_device(const Common& common, const ByKey& by, const DeviceRevoke& options) {
  auto desk = open_desk(by);
  if (!desk) return fail_with(desk.error());
  std::vector<trust::IdentityKey> ended;
  const auto identity = crypto::parse_ed25519(options.device);
  const auto person = trust::Person::parse(options.person);
  if (options.device.empty() == options.person.empty() || (!identity && !person)) {
    return fail(ErrorCode::kInvalid, "name one: --device ed25519:… or --person user@domain");
  }
  if (person) {
    if (auto ok = desk->ledger.end(*person); !ok) return ok;
    for (const auto& [key, device] : desk->ledger.devices()) {
      if (device.last.person == *person) ended.push_back(key);
    }
    for (const auto& device : desk->devices) {
      if (!device.waits() && device.node.person == *person) ended.push_back(device.node.identity);
    }
    std::sort(ended.begin(), ended.end());
    ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
  } else {
    ended.push_back(*identity);
  }
  const auto& key = desk->session->key();
  for (const auto& one : ended) {
    if (desk->ledger.find(one) != nullptr) {
      if (auto ok = desk->ledger.end(one); !ok) return ok;
    }
    const auto revocation = trust::revoke_identity(
        trust::Revokes::kDevice, one, desk->session->evidence().vendor_id(), std::nullopt,
        options.reason, desk->now(), {key.person.str(), key.key});
    if (!revocation) return fail_with(revocation.error());
    if (auto sent = desk->session->put(*revocation); !sent) return fail_with(sent.error());
    if (!common.json) print("revoked " + crypto::format_ed25519(one));
  }
  if (common.json) {
    auto keys = nlohmann::json::array();
    for (const auto& one : ended) keys.push_back(crypto::format_ed25519(one));
    print_json({{"revoked", keys}, {"person", options.person}});
  } else if (person) {
    print(person->str() + " is admitted no more");
  }
  return {};
}

}  // namespace culvert::cli
