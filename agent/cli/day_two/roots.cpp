// Commands that make the next epoch of a root as a draft: add or remove keys, change thresholds,
// renew. Several changes can go into one epoch until the first person has signed the draft.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/cli/day_two/signing.hpp"
#include "agent/cli/people/public_line.hpp"
#include "agent/cli/people/session.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;
using trust::Group;
using trust::Root;
using trust::RootKey;

constexpr std::chrono::hours kRootLife{365 * 24};
constexpr std::chrono::hours kLongestRoot{3660 * 24};
constexpr const char* kDraft = "root.draft";

constexpr const char* kGroups =
    "a site's root has root, approvers, enrolment and lease; a vendor's root, approvers, "
    "device-admission, directory, lease and ticket";

std::string command(const RootWork& work) {
  return work.kind == trust::RootKind::kSite ? "culvert site root" : "culvert vendor root";
}

fs::path draft_of(const RootWork& work) {
  return work.file.empty() ? folder_of(work) / kDraft : fs::path(work.file);
}

bool follows(const Root& next, const Desk& desk) {
  return next.epoch == desk.folder.root().epoch + 1 && next.previous == desk.folder.root_hash() &&
         next.kind == desk.folder.kind();
}

// The root to change: the draft in `file` if nobody has signed it yet, else the next epoch of the
// root in force.
Result<Root> start(const Desk& desk, const RootWork& work, const fs::path& file) {
  const auto fresh = trust::next_epoch(desk.folder.root(), desk.folder.root_hash());
  if (work.anew || !fs::exists(file)) return fresh;
  const auto held = read_draft(file);
  if (!held) return fail_with(held.error());
  const auto next = Root::parse(held->text);
  if (next && follows(*next, desk)) {
    if (held->signatures.empty()) return *next;
    return fail(ErrorCode::kConflict,
                file.string() + " is signed already, by " + held->signatures.front().name +
                    "; a change would end the signatures; next: let the others sign it, or --new, "
                    "which keeps it as " +
                    file.string() + ".old");
  }
  if (auto room = make_room(file, desk.folder.root_note().text, false, command(work) + " renew");
      !room) {
    return fail_with(room.error());
  }
  return fresh;
}

Status set_times(Root& next, const RootWork& work, WallTime now) {
  const auto life = work.life.empty() ? std::optional<std::chrono::seconds>(kRootLife)
                                      : parse_duration(work.life);
  if (!life || life->count() <= 0 || *life > kLongestRoot) {
    return fail(ErrorCode::kInvalid, "--expires: a time such as 365d");
  }
  next.issued = now;
  next.expires = now + *life;
  return {};
}

// What ends with the next epoch. With --publish or --coordinator this includes nodes in the
// coordinator's list.
Result<std::vector<std::string>> what_ends(Desk& desk, const RootWork& work, const Root& next) {
  if (!work.publish && work.coordinator.empty()) return desk.folder.evidence().what_ends(next);
  auto session = Session::open({work.key, work.coordinator});
  if (!session) return fail_with(session.error());
  const auto listed = (*session)->list(control::ListWhat::kNodes);
  if (!listed) return fail_with(listed.error());
  return (*session)->evidence().what_ends(next);
}

std::vector<std::string> warnings(const Root& next) {
  std::vector<std::string> out;
  if (const auto now = runtime::read_clocks().wall; next.expires <= now) {
    out.push_back("this root has expired at " + format_time(next.expires) + "; next: culvert " +
                  (next.kind == trust::RootKind::kSite ? "site" : "vendor") +
                  " root renew --key FILE --publish");
  }
  for (const auto group : {Group::kRoot, Group::kApprovers}) {
    std::set<trust::Person> persons;
    for (const auto& key : next.keys) {
      if (key.group == group) persons.insert(key.person);
    }
    if (persons.size() != 1) continue;
    out.push_back("one person alone is in the group " + std::string(trust::group_name(group)) +
                  "; next: root add-key --group " + std::string(trust::group_name(group)));
  }
  return out;
}

void show_change(const Common& common, const Desk& desk, const Root& next, const fs::path& file,
                 const std::vector<std::string>& ends) {
  const auto changes = text_changes(desk.folder.root_note().text, next.render());
  if (common.json) {
    auto rows = nlohmann::json::array();
    for (const auto& change : changes) {
      rows.push_back({{"change", std::string(1, change.sign)}, {"text", change.text}});
    }
    print_json({{"file", file.string()},
                {"epoch", next.epoch},
                {"changes", rows},
                {"ends", ends},
                {"warnings", warnings(next)}});
    return;
  }
  for (const auto& change : changes) {
    print(std::string(1, change.sign) + " " + printable(change.text));
  }
  for (const auto& one : ends) print(yellow("ends: ") + printable(one));
  for (const auto& one : warnings(next)) hint("warning: " + one);
  print("draft of epoch " + std::to_string(next.epoch) + " in " + file.string());
}

using Edit = Status (*)(Root& next, const RootWork& work, const Desk& desk);

// Makes or extends the draft. Signs the draft if the options name a key.
Status change(const Common& common, const RootWork& work, Edit edit) {
  auto desk = open_desk(work, work.kind);
  if (!desk) return fail_with(desk.error());
  const auto file = draft_of(work);
  auto next = start(*desk, work, file);
  if (!next) return fail_with(next.error());
  if (auto edited = edit(*next, work, *desk); !edited) return edited;
  if (auto timed = set_times(*next, work, desk->now.wall); !timed) return timed;
  std::sort(next->keys.begin(), next->keys.end());
  if (const auto good = Root::parse(next->render()); !good) {
    return fail(ErrorCode::kInvalid, "the next epoch would be no root: " + good.error().message +
                                         "; see: " + command(work) + " show");
  }
  const auto ends = what_ends(*desk, work, *next);
  if (!ends) return fail_with(ends.error());
  if (!ends->empty() && !work.cut) {
    std::string all;
    for (const auto& one : *ends) all += (all.empty() ? "" : "; ") + one;
    return fail(ErrorCode::kDenied,
                "that would end " + all +
                    "; nothing was written; next: let keys that stay sign these anew first "
                    "(docs/operations/roots.md), or add --cut");
  }
  if (desk->key) {
    if (auto may = may_sign(*desk, next->render(), file); !may) return may;
  }
  // Moves an old draft aside only now, so that a refused change moves nothing.
  if (work.anew) {
    auto room = make_room(file, desk->folder.root_note().text, true, command(work));
    if (!room) return room;
  }
  const note::Note draft{next->render(), {}};
  if (auto written = write_draft(file, draft); !written) return written;
  if (!desk->key || !common.json) show_change(common, *desk, *next, file, *ends);
  if (!desk->key) {
    if (!common.json) hint_next(command(work) + " sign " + file.string() + " --key FILE");
    return {};
  }
  const auto done = sign_draft(*desk, work, file, draft);
  if (!done) return fail_with(done.error());
  report(common, file, *done);
  return {};
}

Status add(Root& next, const RootWork& work, const Desk& desk) {
  const auto line = read_public(work.subject, work.group, work.person);
  if (!line) return fail_with(line.error());
  if (!trust::group_fits(line->group, next.kind)) {
    return fail(ErrorCode::kInvalid,
                "a " + std::string(next.kind == trust::RootKind::kSite ? "site's" : "vendor's") +
                    " root has no group " + std::string(trust::group_name(line->group)));
  }
  if (desk.folder.suspended(line->key)) {
    return fail(ErrorCode::kDenied,
                "this key is suspended and never counts again; next: culvert "
                "key new makes another one");
  }
  for (const auto& key : next.keys) {
    const bool beside = key.group == Group::kRoot || line->group == Group::kRoot;
    if (key.key != line->key ||
        (beside && key.group != line->group && key.person == line->person)) {
      continue;
    }
    const auto as =
        ", in the group " + std::string(trust::group_name(key.group)) + " for " + key.person.str();
    if (desk.folder.root().lists(key.key)) {
      return fail(ErrorCode::kConflict, "the root lists this key already" + as);
    }
    const auto file = draft_of(work).string();
    return fail(ErrorCode::kConflict, "the draft " + file + " lists this key already" + as +
                                          "; next: " + command(work) + " sign " + file +
                                          " --key FILE, or --new, which begins another draft");
  }
  next.keys.push_back(*line);
  return {};
}

Status remove(Root& next, const RootWork& work, const Desk&) {
  const auto person = trust::Person::parse(work.subject);
  const auto key = person ? std::nullopt : read_public_key(work.subject);
  const auto group = work.group.empty() ? std::nullopt : trust::parse_group(work.group);
  if (!work.group.empty() && !group) {
    return fail(ErrorCode::kInvalid, "--group: there is no group " + work.group + ": " + kGroups);
  }
  if (!person && !key) {
    return fail(ErrorCode::kInvalid,
                "name a person, a public key (ed25519:…) or its file, not " + work.subject);
  }
  const auto gone = std::erase_if(next.keys, [&](const RootKey& one) {
    return (!group || one.group == *group) && (person ? one.person == *person : one.key == *key);
  });
  if (gone == 0) {
    return fail(ErrorCode::kNotFound,
                "the root lists no such key; see: " + command(work) + " show");
  }
  const auto left = [&](Group which) {
    std::set<trust::Person> out;
    for (const auto& one : next.keys) {
      if (one.group == which) out.insert(one.person);
    }
    return out.size();
  };
  const auto short_of = [&](Group which, std::uint32_t threshold) {
    return fail(ErrorCode::kInvalid,
                "the group " + std::string(trust::group_name(which)) + " would have " +
                    std::to_string(left(which)) + (left(which) == 1 ? " person" : " persons") +
                    " for a threshold of " + std::to_string(threshold) +
                    "; next: add a key first, or " + command(work) + " threshold " +
                    std::string(trust::group_name(which)) + " N");
  };
  if (left(Group::kRoot) < next.root_threshold) return short_of(Group::kRoot, next.root_threshold);
  if (next.kind == trust::RootKind::kSite && left(Group::kApprovers) < next.approver_threshold) {
    return short_of(Group::kApprovers, next.approver_threshold);
  }
  return {};
}

Status set_threshold(Root& next, const RootWork& work, const Desk&) {
  const bool site = next.kind == trust::RootKind::kSite;
  const auto count = static_cast<std::uint32_t>(work.count);
  if (work.what != "vendor" && count == 0) {
    return fail(ErrorCode::kInvalid, "a threshold is 1 or more");
  }
  if (work.what == "root") {
    next.root_threshold = count;
  } else if (work.what == "approvers" && site) {
    next.approver_threshold = count;
  } else if (work.what == "vendor" && site) {
    next.vendor_approvals = count;
  } else {
    return fail(ErrorCode::kInvalid, site ? "name the threshold: root, approvers or vendor"
                                          : "a vendor's root has the threshold root alone");
  }
  std::set<trust::Person> persons;
  const auto group = work.what == "root" ? Group::kRoot : Group::kApprovers;
  for (const auto& key : next.keys) {
    if (key.group == group) persons.insert(key.person);
  }
  if (work.what == "vendor" || count <= persons.size()) return {};
  return fail(ErrorCode::kInvalid,
              "the group " + work.what + " has " + std::to_string(persons.size()) +
                  (persons.size() == 1 ? " person" : " persons") + ", fewer than " +
                  std::to_string(count) + "; next: " + command(work) + " add-key --group " +
                  work.what);
}

Status set_policy_by(Root& next, const RootWork& work, const Desk&) {
  const auto group = trust::parse_group(work.what);
  if (group != Group::kRoot && group != Group::kApprovers) {
    return fail(ErrorCode::kInvalid, "policies are signed by root or approvers, not " + work.what);
  }
  next.policy_by = *group;
  return {};
}

}  // namespace

Status root_show(const Common& common, const RootWork& work) {
  const auto desk = open_desk(work, work.kind);
  if (!desk) return fail_with(desk.error());
  const auto& root = desk->folder.root();
  std::set<std::string> suspended;  // lines of the root
  for (const auto& key : root.keys) {
    if (desk->folder.suspended(key.key)) suspended.insert(trust::format_root_key(key));
  }
  if (common.json) {
    print_json({{"name", root.name.str()},
                {"epoch", root.epoch},
                {"hash", trust::format_hash(desk->folder.root_hash().view())},
                {"first", trust::format_hash(desk->folder.pin().view())},
                {"expires", format_time(root.expires)},
                {"text", desk->folder.root_note().text},
                {"suspended", suspended},
                {"warnings", warnings(root)}});
    return {};
  }
  for (const auto& line : lines_of(desk->folder.root_note().text)) {
    constexpr std::string_view kKey = "key: ";
    const bool ended = line.starts_with(kKey) && suspended.contains(line.substr(kKey.size()));
    print(ended ? line + "  " + yellow("(suspended: never counts again)") : line);
  }
  if (!suspended.empty()) {
    hint_next(command(work) + " remove-key takes suspended keys away, signed by the others");
  }
  for (const auto& one : warnings(root)) hint("warning: " + one);
  return {};
}

Status root_add_key(const Common& common, const RootWork& work) {
  return change(common, work, add);
}
Status root_remove_key(const Common& common, const RootWork& work) {
  return change(common, work, remove);
}
Status root_threshold(const Common& common, const RootWork& work) {
  return change(common, work, set_threshold);
}
Status root_policy_by(const Common& common, const RootWork& work) {
  return change(common, work, set_policy_by);
}
Status root_pre_approvals(const Common& common, const RootWork& work) {
  return change(common, work, [](Root& next, const RootWork& with, const Desk&) -> Status {
    next.pre_approvals = with.what == "yes";
    return {};
  });
}
Status root_renew(const Common& common, const RootWork& work) {
  return change(common, work, [](Root&, const RootWork&, const Desk&) -> Status { return {}; });
}

}  // namespace culvert::cli
