// What people with a key do: admit devices, read and approve requests, end grants.
#include <algorithm>

#include "agent/cli/options.hpp"
#include "agent/cli/output.hpp"
#include "agent/cli/session.hpp"
#include "proto/trust/display.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::cli {
namespace {

struct Shown {
  note::Note note;
  trust::Grant grant;
  std::string state;  // as the coordinator says it
};

// The requests that the coordinator lists; malformed ones are left out.
Result<std::vector<Shown>> requests(Session& session) {
  auto entries = session.list(control::ListWhat::kRequests);
  if (!entries) return fail_with(entries.error());
  std::vector<Shown> out;
  for (const auto& entry : *entries) {
    auto note = note::parse(entry.note);
    if (!note) continue;
    auto grant = trust::Grant::parse(note->text);
    if (grant) out.push_back({std::move(*note), std::move(*grant), entry.state});
  }
  return out;
}

// Of the signed text: who approves by it signs what was listed, whatever the coordinator hands out
// under the same id meanwhile.
std::string text_hash(const note::Note& note) {
  return trust::format_hash(note::hash(note).view());
}

Result<Shown> find_request(Session& session, const std::string& grant) {
  auto all = requests(session);
  if (!all) return fail_with(all.error());
  for (auto& shown : *all) {
    if (shown.grant.id.str() == grant || text_hash(shown.note) == grant) return std::move(shown);
  }
  return fail(ErrorCode::kNotFound, "no request " + grant + "; culvert requests lists them");
}

// A statement's text as its reader signs it, on this terminal.
void show(std::string_view statement_text) {
  constexpr std::size_t kIndent = 2;
  const auto columns = terminal_columns();
  const auto shown = trust::display_text(
      statement_text, columns == 0 ? 0 : std::max(columns, kIndent + 1) - kIndent);
  for (std::size_t at = 0; at < shown.size();) {
    const auto end = shown.find('\n', at);
    print("  " + shown.substr(at, end - at));
    at = end == std::string::npos ? shown.size() : end + 1;
  }
}

// What nobody has signed: the coordinator's word alone. Only words and numbers stand beside
// `verified`; anything else has rows of its own, so that it cannot pass for what was verified.
void show_says(const std::string& state, const std::string& verified) {
  constexpr std::string_view kSays = "the coordinator says: ";
  const bool plain = state.size() <= 60 && std::all_of(state.begin(), state.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == ' ' || c == '=';
                     });
  const auto columns = terminal_columns();
  const auto line = kSays.size() + state.size() + 2 + verified.size();
  if (plain && (columns == 0 || line <= columns)) {
    return print(std::string(kSays) + bold(state) + (verified.empty() ? "" : "  " + dim(verified)));
  }
  for (const auto& row : within(kSays, printable(state), columns)) print(row);
  if (!verified.empty()) print(dim(verified));
}

// A key in the wrong group counts for nothing; better said before it signs.
Status check_group(const KeyFile& key, std::initializer_list<trust::Group> may) {
  std::string wanted;
  for (const auto group : may) {
    if (key.group == trust::group_name(group)) return {};
    wanted += (wanted.empty() ? "" : " or ") + std::string(trust::group_name(group));
  }
  return fail(ErrorCode::kDenied, "a key of the group " + key.group +
                                      " cannot do this: use one of " + wanted + " with --key");
}

std::string fingerprint(const crypto::VerifyKey& key) { return crypto::format_ed25519(key); }

struct Device {
  note::Note note;
  trust::Node node;
  std::string state;
};
Result<std::vector<Device>> devices(Session& session) {
  auto entries = session.list(control::ListWhat::kDevices);
  if (!entries) return fail_with(entries.error());
  std::vector<Device> out;
  for (const auto& entry : *entries) {
    auto note = note::parse(entry.note);
    if (!note) continue;
    auto node = trust::Node::parse(note->text);
    if (node && node->kind == trust::NodeKind::kDevice) {
      out.push_back({std::move(*note), std::move(*node), entry.state});
    }
  }
  return out;
}

}  // namespace

Status list_devices(const ByKey& by) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  const auto all = devices(**session);
  if (!all) return fail_with(all.error());
  if (all->empty()) print("no device waits for admission");
  for (const auto& device : *all) {
    show_says(device.state, "");
    show(device.note.text);
  }
  return {};
}

// Anyone with a token can wait under any person's name: which identity is whose is told out of
// band.
Status admit_device(const ByKey& by, const std::string& identity) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kDeviceAdmission}); !ok) return ok;
  auto all = devices(**session);
  if (!all) return fail_with(all.error());
  std::erase_if(*all, [&](const Device& device) {
    return !device.state.starts_with("WAITING") || fingerprint(device.node.identity) != identity;
  });
  if (all->empty()) {
    return fail(ErrorCode::kNotFound,
                "no such device waits for admission; see: culvert device list --key FILE");
  }
  const auto& key = (*session)->key();
  for (auto& device : *all) {
    const auto own = note::verify(
        device.note, std::vector<note::KnownKey>{{device.node.name.str(), device.node.identity}});
    if (!own || own->empty()) {
      return fail(ErrorCode::kUnverified, "the device's statement is not signed by the device");
    }
    print("admitting, signed as shown:");
    show(device.note.text);
    auto admitted = trust::add_signature(std::move(device.note), {key.person.str(), key.key});
    if (!admitted) return fail_with(admitted.error());
    if (auto sent = (*session)->put(*admitted); !sent) return fail_with(sent.error());
    print(green("admitted") + " " + device.node.name.str() + " of " + device.node.person.str() +
          " until " + format_time(device.node.expires));
  }
  return {};
}

Status list_requests(const Common&, const ByKey& by) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  const auto all = requests(**session);
  if (!all) return fail_with(all.error());
  if (all->empty()) print("no requests");
  for (const auto& shown : *all) {
    const auto checked = (*session)->evidence().check_request(shown.note, (*session)->now());
    if (!checked) {
      // The text of what does not verify is not displayed: it could say anything.
      const auto begin = yellow("NOT VERIFIED") + " request " + shown.grant.id.str() + ": ";
      for (const auto& row : within(begin, printable(checked.error().message), terminal_columns()))
        print(row);
      continue;
    }
    show_says(shown.state, text_hash(shown.note));
    show(shown.note.text);
  }
  return {};
}

Status approve(const ByKey& by, const std::string& grant) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kApprovers}); !ok) return ok;
  auto shown = find_request(**session, grant);
  if (!shown) return fail_with(shown.error());
  if (auto checked = (*session)->evidence().check_request(shown->note, (*session)->now());
      !checked) {
    return fail(checked.error().code,
                "not approved, it does not verify: " + checked.error().message);
  }
  const auto& key = (*session)->key();
  if (key.person == shown->grant.requester) {
    return fail(ErrorCode::kDenied, "a requester cannot approve their own request");
  }
  print("approving, signed as shown:");
  show(shown->note.text);
  auto approved = trust::add_signature(std::move(shown->note), {key.person.str(), key.key});
  if (!approved) return fail_with(approved.error());
  if (auto sent = (*session)->put(*approved); !sent) return fail_with(sent.error());
  print(green("approved") + " as " + key.person.str());
  return {};
}

Status end_grant(const ByKey& by, const std::string& grant, const std::string& reason, bool deny) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kApprovers}); !ok) return ok;
  const auto shown = find_request(**session, grant);
  if (!shown) return fail_with(shown.error());
  const auto* vendor = (*session)->evidence().vendor_root();
  if (vendor == nullptr) return fail(ErrorCode::kUnverified, "no vendor root is known");
  const auto& key = (*session)->key();
  const auto revocation =
      trust::revoke_grant(shown->grant, (*session)->evidence().vendor_id(), reason,
                          (*session)->now().wall, {key.person.str(), key.key});
  if (!revocation) return fail_with(revocation.error());
  if (auto sent = (*session)->put(*revocation); !sent) return fail_with(sent.error());
  print((deny ? "denied " : "revoked ") + grant + " as " + key.person.str());
  return {};
}

}  // namespace culvert::cli
