// Commands of persons with a device-admission key: list waiting laptops, admit them, renew them,
// end them.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/cli/approvals/admission.hpp"
#include "agent/cli/approvals/commands.hpp"
#include "agent/cli/people/by_key.hpp"
#include "agent/cli/people/session.hpp"
#include "agent/cli/people/statement.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {
namespace {

constexpr std::chrono::seconds kWarnUntil{14 * 24 * 3600};

struct Device {
  note::Note note;
  trust::Node node;
  std::string state;      // in the coordinator's words
  bool admitted = false;  // an admission key of the vendor's root has signed exactly this text

  bool waits() const { return state.starts_with("WAITING"); }
};

// Session, ledger and the devices in the coordinator's list, without texts that are malformed or
// that the device itself has not signed.
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
    auto& evidence = out.session->evidence();
    (void)evidence.offer(out.session->now(), *note);  // a note that does not verify is ignored
    const auto* known = evidence.node(out.session->now(), node->identity);
    const bool admitted = known != nullptr && *known == *node;
    out.devices.push_back({std::move(*note), std::move(*node), entry.state, admitted});
  }
  return out;
}

// Writes the ledger before the coordinator gets the signature, so that the ledger knows of every
// signature.
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

// The waiting device that the options name: by the hash of its text, or by its key, person and
// groups together.
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

nlohmann::json about(const trust::Node& node) {
  auto groups = nlohmann::json::array();
  for (const auto& group : node.groups) groups.push_back(group.str());
  return {{"identity", crypto::format_ed25519(node.identity)},
          {"name", node.name.str()},
          {"person", node.person.str()},
          {"groups", std::move(groups)},
          {"expires", format_time(node.expires)}};
}

nlohmann::json show(const Desk& desk, const Device& device) {
  auto out = about(device.node);
  out["state"] = device.state;
  out["admitted"] = device.admitted;
  out["hash"] = text_hash(device.note);
  out["text"] = device.note.text;
  if (device.waits()) out["changes"] = differences(desk.ledger, device.node);
  return out;
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

Status list_devices(const Common& common, const ByKey& by) {
  auto desk = open_desk(by);
  if (!desk) return fail_with(desk.error());
  if (common.json) {
    auto rows = nlohmann::json::array();
    for (const auto& device : desk->devices) rows.push_back(show(*desk, device));
    print_json({{"devices", std::move(rows)}});
    return {};
  }
  if (desk->devices.empty()) print("no device waits for admission");
  for (const auto& device : desk->devices) {
    show_says(device.state, text_hash(device.note));
    if (device.waits()) {
      const auto changed = differences(desk->ledger, device.node);
      for (const auto& line : changed) print("  " + yellow("! " + line));
      if (changed.empty()) print("  as it was last signed; culvert device renew signs it");
    } else if (!device.admitted) {
      print("  " + yellow("! no admission key of the vendor's root has signed this text"));
    }
    show_statement(device.note.text);
  }
  warn_of_ends(*desk);
  return {};
}

// Admits a device. Anyone with a token can wait under any person's name, and a waiting text can be
// replaced at any moment. So the command signs exactly the text that the person has read.
Status admit_device(const Common& common, const ByKey& by, const DeviceAdmit& options) {
  auto desk = open_desk(by);
  if (!desk) return fail_with(desk.error());
  const auto until = parse_until(options.until, desk->now());
  if (!until) return fail_with(until.error());
  const auto device = find_waiting(*desk, options);
  if (!device) return fail_with(device.error());
  if (auto ok = may_admit(desk->ledger, device->node, desk->now()); !ok) return ok;
  if (!common.json) {
    print("admitting, signed as shown:");
    show_statement(device->note.text);
  }
  if (auto ok = desk->sign(*device, *until); !ok) return ok;
  if (common.json) {
    auto shown = about(device->node);
    shown["renewed_until"] = format_time(*until);
    print_json({{"admitted", std::move(shown)}});
    return {};
  }
  print(green("admitted") + " " + device->node.name.str() + " of " + device->node.person.str() +
        " until " + format_time(device->node.expires) + "; culvert device renew signs its next " +
        "texts until " + format_time(*until));
  return {};
}

Status renew_devices(const Common& common, const ByKey& by) {
  auto desk = open_desk(by);
  if (!desk) return fail_with(desk.error());
  auto left = nlohmann::json::array();
  auto renewed = nlohmann::json::array();
  for (const auto& device : desk->devices) {
    if (!device.waits()) continue;
    const auto who = device.node.name.str() + " of " + device.node.person.str();
    auto row = about(device.node);
    if (auto ok = may_renew(desk->ledger, device.node, desk->now()); !ok) {
      row["why"] = ok.error().message;
      left.push_back(std::move(row));
      if (!common.json) print(yellow("left") + " " + who + ": " + ok.error().message);
      continue;
    }
    const auto until = desk->ledger.find(device.node.identity)->until;
    if (auto ok = desk->sign(device, until); !ok) return ok;
    renewed.push_back(std::move(row));
    if (common.json) continue;
    print(green("renewed") + " " + who + " until " + format_time(device.node.expires));
  }
  if (common.json) {
    print_json({{"renewed", std::move(renewed)}, {"left", std::move(left)}});
    return {};
  }
  if (renewed.empty() && left.empty()) print("no device waits for renewal");
  warn_of_ends(*desk);
  return {};
}

namespace {

// kNotFound: neither the ledger nor the coordinator's list has the named device or person, which
// may be mistyped.
Status check_known(const Desk& desk, const DeviceRevoke& options) {
  std::set<std::string> persons;
  std::set<std::string> identities;
  std::set<std::string> devices;  // keys with names, for the message
  const auto add = [&](const trust::Node& node) {
    const auto identity = crypto::format_ed25519(node.identity);
    persons.insert(node.person.str());
    identities.insert(identity);
    devices.insert(identity + " (" + node.name.str() + " of " + node.person.str() + ")");
  };
  for (const auto& [key, device] : desk.ledger.devices()) add(device.last);
  for (const auto& device : desk.devices) add(device.node);
  const bool by_person = options.device.empty();
  const auto& named = by_person ? options.person : options.device;
  if ((by_person ? persons : identities).contains(named)) return {};
  if (const auto person = trust::Person::parse(named); person && desk.ledger.has_ended(*person)) {
    return {};
  }
  std::string all;
  for (const auto& one : by_person ? persons : devices) all += (all.empty() ? "" : ", ") + one;
  return fail(ErrorCode::kNotFound,
              std::string(by_person ? "no device of " : "no device has the identity ") + named +
                  (by_person ? " is known" : "") + ": nothing was revoked; known here and at the " +
                  "coordinator: " + (all.empty() ? "none" : all) + "; next: correct the " +
                  (by_person ? "name" : "identity") +
                  ", or add --unknown, which revokes it all the same");
}

// The person's devices, each once: those in the ledger, and those in the coordinator's list whose
// admission verifies. A device that only the coordinator connects with the person is not among
// them.
std::vector<trust::IdentityKey> to_end(const Desk& desk, const trust::Person& person) {
  std::set<trust::IdentityKey> out;
  for (const auto& [key, device] : desk.ledger.devices()) {
    if (device.last.person == person) out.insert(key);
  }
  for (const auto& device : desk.devices) {
    if (device.admitted && device.node.person == person) out.insert(device.node.identity);
  }
  return {out.begin(), out.end()};
}

void report_revoked(const Common& common, const std::vector<trust::IdentityKey>& ended,
                    const std::string& person) {
  if (common.json) {
    auto keys = nlohmann::json::array();
    for (const auto& one : ended) keys.push_back(crypto::format_ed25519(one));
    print_json({{"revoked", keys}, {"person", person}});
    return;
  }
  if (person.empty()) return;
  if (ended.empty()) print("no device of " + person + " was admitted: none had to be revoked");
  print("no device of " + person + " is admitted or renewed with the keys of this folder any more");
}

}  // namespace

// Revokes a device. Writes the ledger first, so that no renewal comes in between, then hands the
// revocation to the coordinator.
Status revoke_device(const Common& common, const ByKey& by, const DeviceRevoke& options) {
  const auto identity = crypto::parse_ed25519(options.device);
  const auto person = trust::Person::parse(options.person);
  if (options.device.empty() == options.person.empty() || (!identity && !person)) {
    return fail(ErrorCode::kInvalid, "name one: --device ed25519:… or --person user@domain");
  }
  auto desk = open_desk(by);
  if (!desk) return fail_with(desk.error());
  if (!options.unknown) {
    if (auto known = check_known(*desk, options); !known) return known;
  }
  if (person) {
    if (auto ok = desk->ledger.end(*person); !ok) return ok;
  }
  const auto ended = person ? to_end(*desk, *person) : std::vector{*identity};
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
  report_revoked(common, ended, options.person);
  return {};
}

}  // namespace culvert::cli
