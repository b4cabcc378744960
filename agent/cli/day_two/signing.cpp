#include "agent/cli/day_two/signing.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/cli/people/session.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {

namespace fs = std::filesystem;
using trust::Group;
using trust::Kind;

namespace {

bool wants_publishing(const Work& work) { return work.publish || !work.coordinator.empty(); }

std::string name_of(const std::string& text) {
  if (const auto root = trust::Root::parse(text)) {
    return std::string(root->kind == trust::RootKind::kSite ? "site" : "vendor") + " root, epoch " +
           std::to_string(root->epoch);
  }
  if (const auto policy = trust::Policy::parse(text)) {
    return "policy, serial " + std::to_string(policy->serial);
  }
  if (trust::kind_of(text) == Kind::kRevocation) return "revocation";
  return "statement";
}

// --- checks before anybody signs ---

Status check_policy_text(const Desk& desk, const std::string& text, const fs::path& file) {
  const auto found = check_policy(text, policy_context(desk));
  if (found.errors.empty()) return {};
  return fail(
      ErrorCode::kInvalid,
      file.string() + ", " + format(found.errors.front()) +
          (found.errors.size() > 1 ? " (and " + std::to_string(found.errors.size() - 1) + " more)"
                                   : "") +
          "; nothing was signed; next: culvert policy check " + file.string());
}

Status check_root_text(const Desk& desk, const std::string& text, const fs::path& file) {
  const auto next = trust::Root::parse(text);
  const auto bad = [&](const std::string& why) {
    return fail(ErrorCode::kInvalid, file.string() + " " + why + "; nothing was signed");
  };
  if (!next) return bad("is not a root: " + next.error().message);
  if (text == desk.folder.root_note().text) return {};
  if (next->kind != desk.folder.kind() || next->genesis != desk.folder.pin()) {
    return bad("is a root of another site or vendor");
  }
  const auto epoch = desk.folder.root().epoch;
  if (next->epoch != epoch + 1 || next->previous != desk.folder.root_hash()) {
    return bad("does not follow epoch " + std::to_string(epoch) +
               ", the newest in this folder (culvert take FILE brings in a newer one; root renew "
               "--new makes a draft that follows)");
  }
  return {};
}

Status check_text(const Desk& desk, const std::string& text, const fs::path& file) {
  const auto kind = trust::kind_of(text);
  if (kind == Kind::kPolicy || text.starts_with(trust::Policy::kType)) {
    return check_policy_text(desk, text, file);
  }
  if (kind == Kind::kRoot) return check_root_text(desk, text, file);
  if (kind == Kind::kRevocation) {
    const auto revocation = trust::Revocation::parse(text);
    return revocation ? Status{}
                      : fail(ErrorCode::kInvalid,
                             file.string() + " does not read: " + revocation.error().message);
  }
  return fail(ErrorCode::kInvalid, file.string() +
                                       " is no draft of a policy, a root or a revocation; nothing "
                                       "was signed");
}

// The group whose signatures count for a text, and the roots that may list the key.
struct Counting {
  Group group = Group::kRoot;
  std::vector<trust::Root> roots;
};

Counting counting(const Desk& desk, const std::string& text) {
  const auto& root = desk.folder.root();
  Counting out{Group::kRoot, {root}};
  if (trust::kind_of(text) == Kind::kPolicy) out.group = root.policy_by;
  if (const auto next = trust::Root::parse(text)) out.roots.push_back(*next);
  if (const auto revocation = trust::Revocation::parse(text)) {
    out.group =
        revocation->what == trust::Revokes::kEnrolment ? Group::kEnrolment : Group::kApprovers;
  }
  return out;
}

Status check_signer(const Desk& desk, const std::string& text) {
  const auto by = counting(desk, text);
  const auto key = desk.key->key.public_key();
  const auto lists = [&](const trust::Root& root) { return root.find(key, by.group) != nullptr; };
  if (std::none_of(by.roots.begin(), by.roots.end(), lists)) {
    return fail(ErrorCode::kDenied, "this key is of the group " + desk.key->group + "; a " +
                                        name_of(text) + ", is signed by the group " +
                                        std::string(trust::group_name(by.group)) +
                                        " of the newest root; use another one with --key");
  }
  // A root that lists no suspended key may carry a suspended key's line beside another person's.
  const bool leaves = by.roots.size() > 1 && !by.roots.back().lists(key);
  if (desk.folder.suspended(key) && !leaves) {
    return fail(ErrorCode::kDenied,
                "this key is suspended and never counts again; next: another person's --key");
  }
  return {};
}

std::vector<note::KnownKey> known_keys(const Desk& desk, const std::string& text) {
  std::vector<note::KnownKey> out;
  const auto add = [&](const std::vector<note::KnownKey>& keys) {
    for (const auto& key : keys) {
      const bool held =
          std::any_of(out.begin(), out.end(), [&](const auto& one) { return one.key == key.key; });
      if (!held) out.push_back(key);
    }
  };
  for (const auto& root : counting(desk, text).roots) add(root.known_keys());
  if (desk.key) add({{desk.key->person.str(), desk.key->key.public_key()}});
  return out;
}

// The persons who have signed the draft. Error: a signature does not fit the text.
Result<std::vector<std::string>> who_signed(const Desk& desk, const note::Note& draft,
                                            const fs::path& file) {
  if (draft.signatures.empty()) return std::vector<std::string>{};
  const auto by = note::verify(draft, known_keys(desk, draft.text));
  if (!by) {
    return fail(ErrorCode::kUnverified,
                file.string() + ": " + by.error().message +
                    "; the text was changed after it was signed: take the lines that begin with a "
                    "dash away, with the empty line, and let everybody sign again");
  }
  std::vector<std::string> out;
  for (const auto& key : *by) {
    if (std::find(out.begin(), out.end(), key.name) == out.end()) out.push_back(key.name);
  }
  return out;
}

}  // namespace

fs::path folder_of(const Work& work) {
  if (!work.folder.empty()) return work.folder;
  if (!work.key.empty()) return fs::absolute(work.key).parent_path();
  // Without --folder, the draft's own folder counts.
  const auto beside = fs::absolute(work.file.empty() ? "." : work.file).parent_path();
  const bool bundles = fs::exists(beside / kSiteBundle) || fs::exists(beside / kVendorBundle);
  return !work.file.empty() && bundles ? beside : fs::path(".");
}

Result<Desk> open_desk(const Work& work, std::optional<trust::RootKind> kind) {
  std::optional<KeyFile> key;
  if (!work.key.empty()) {
    auto read = read_key(work.key);
    if (!read) return fail_with(read.error());
    key.emplace(std::move(*read));
  }
  if (wants_publishing(work) && !key) {
    return fail(ErrorCode::kInvalid, "handing in to the coordinator needs --key FILE");
  }
  const auto path = folder_of(work);
  const auto now = runtime::read_clocks();
  const auto chosen = kind ? *kind : key ? key->root : RootFolder::kind_of(path);
  auto folder = RootFolder::open(path, chosen, key ? &*key : nullptr, now);
  if (!folder) return fail_with(folder.error());
  return Desk{std::move(*folder), std::move(key), now};
}

PolicyContext policy_context(const Desk& desk) {
  PolicyContext out;
  out.site = &desk.folder.root();
  out.ref = desk.folder.site();
  out.vendor = desk.folder.evidence().vendor_root();
  if (desk.folder.policy()) out.current = &*desk.folder.policy();
  out.current_text = desk.folder.policy_note().text;
  out.now = desk.now.wall;
  for (const auto& node : desk.folder.evidence().nodes(desk.now)) {
    out.groups.insert(node.groups.begin(), node.groups.end());
  }
  return out;
}

Status hand_in(const Work& work, const fs::path& file, const note::Note& note) {
  auto session = Session::open({work.key, work.coordinator});
  const auto sent =
      session ? (*session)->put(note) : Result<control::Reply>(fail_with(session.error()));
  if (sent) return {};
  return fail(sent.error().code, "signed and kept, but not handed in: " + sent.error().message +
                                     "; next: culvert publish " + file.string() + " --key " +
                                     work.key);
}

Status may_sign(const Desk& desk, const std::string& text, const fs::path& file) {
  if (auto ok = check_text(desk, text, file); !ok) return ok;
  return check_signer(desk, text);
}

Result<Signed> sign_draft(Desk& desk, const Work& work, const fs::path& file, note::Note draft) {
  if (auto ok = may_sign(desk, draft.text, file); !ok) return fail_with(ok.error());
  if (auto by = who_signed(desk, draft, file); !by) return fail_with(by.error());
  // Removes lines of keys that no root here lists, since they have no effect and would use up the
  // room.
  if (!draft.signatures.empty()) {
    auto kept = note::keep_known(draft, known_keys(desk, draft.text));
    if (!kept) return fail_with(kept.error());
    draft = std::move(*kept);
  }
  auto note = trust::add_signature(std::move(draft), {desk.key->person.str(), desk.key->key});
  if (!note) return fail_with(note.error());
  auto by = who_signed(desk, *note, file);
  if (!by) return fail_with(by.error());
  if (auto written = write_draft(file, *note); !written) return fail_with(written.error());
  Signed out{std::move(*note), std::move(*by), false, {}, false};
  if (auto taken = desk.folder.take(desk.now, out.note); !taken) {
    if (taken.error().code != ErrorCode::kUnverified) return fail_with(taken.error());
    out.missing = taken.error().message;
    return out;
  }
  out.complete = true;
  if (!wants_publishing(work)) return out;
  if (auto sent = hand_in(work, file, out.note); !sent) return fail_with(sent.error());
  out.published = true;
  return out;
}

void report(const Common& common, const fs::path& file, const Signed& done) {
  const auto what = name_of(done.note.text);
  if (common.json) {
    nlohmann::json out = {{"file", file.string()},
                          {"statement", what},
                          {"hash", trust::format_hash(note::hash(done.note).view())},
                          {"signed_by", done.persons},
                          {"complete", done.complete},
                          {"published", done.published}};
    if (!done.complete) out["missing"] = done.missing;
    print_json(out);
    return;
  }
  std::string names;
  for (const auto& person : done.persons) names += (names.empty() ? "" : ", ") + person;
  print(what + " in " + file.string() + ", signed by " + names);
  if (!done.complete) {
    print(yellow("not complete yet") + ": " + done.missing);
    hint_next("send " + file.string() + " to the next person, who signs it with their own --key");
    return;
  }
  print(green("complete") +
        (done.published ? ", kept in the folder and handed in" : ", kept in the folder's bundle"));
  if (!done.published) {
    hint_next("culvert publish " + file.string() + " --key FILE hands it in; culvert take " +
              file.string() + " brings it into the folders of the others");
  }
}

namespace {

// Shows what is new and what would end, before the person signs.
void show_what_is_new(const Desk& desk, const std::string& text) {
  const auto next = trust::Root::parse(text);
  const auto policy = trust::Policy::parse(text);
  if (!next && !policy) return;
  const auto& before = next ? desk.folder.root_note().text : desk.folder.policy_note().text;
  for (const auto& change : text_changes(before, text)) {
    print(std::string(1, change.sign) + " " + printable(change.text));
  }
  if (policy) {
    for (const auto& one : check_policy(text, policy_context(desk)).warnings) {
      hint("warning: " + printable(format(one)));
    }
    return;
  }
  for (const auto& ended : desk.folder.evidence().what_ends(*next)) {
    print(yellow("ends: ") + printable(ended));
  }
}

}  // namespace

Status sign_file(const Common& common, const Work& work) {
  if (work.key.empty()) return fail(ErrorCode::kInvalid, "name the key that signs: --key FILE");
  auto draft = read_draft(work.file);
  if (!draft) return fail_with(draft.error());
  auto desk = open_desk(work, std::nullopt);
  if (!desk) return fail_with(desk.error());
  if (!common.json) show_what_is_new(*desk, draft->text);
  const auto done = sign_draft(*desk, work, work.file, std::move(*draft));
  if (!done) return fail_with(done.error());
  report(common, work.file, *done);
  return {};
}

namespace {

// Puts each note of a file into the folder. Notes older than the folder's own are ignored.
Status take_file(RootFolder& folder, const std::string& file, Now now,
                 std::vector<note::Note>& taken) {
  const auto notes = read_bundle(file);
  if (!notes) return fail_with(notes.error());
  for (const auto& note : *notes) {
    auto done = folder.take(now, note);
    if (!done && done.error().code != ErrorCode::kStale) {
      return fail(done.error().code, file + ": " + done.error().message);
    }
    if (done) taken.push_back(note);
  }
  return {};
}

void report_taken(const Common& common, const RootFolder& folder,
                  const std::vector<note::Note>& taken, bool published) {
  auto rows = nlohmann::json::array();
  for (const auto& note : taken) {
    rows.push_back(
        {{"statement", name_of(note.text)}, {"hash", trust::format_hash(note::hash(note).view())}});
    if (!common.json) {
      print(name_of(note.text) + " verified and kept in " + folder.path().string() +
            (published ? ", and handed in" : ""));
    }
  }
  if (taken.empty() && !common.json) print("all of it is older than what the folder holds");
  if (common.json) print_json(nlohmann::json{{"taken", rows}, {"published", published}});
}

}  // namespace

Status take_files(const Common& common, const Work& work, const std::vector<std::string>& files) {
  auto desk = open_desk(work, std::nullopt);
  if (!desk) return fail_with(desk.error());
  std::vector<note::Note> taken;
  for (const auto& file : files) {
    if (auto done = take_file(desk->folder, file, desk->now, taken); !done) return done;
  }
  report_taken(common, desk->folder, taken, false);
  return {};
}

Status publish_files(const Common& common, const Work& work,
                     const std::vector<std::string>& files) {
  if (work.key.empty()) return fail(ErrorCode::kInvalid, "name a key of the root: --key FILE");
  auto desk = open_desk(work, std::nullopt);
  if (!desk) return fail_with(desk.error());
  std::vector<note::Note> all;
  for (const auto& file : files) {
    std::vector<note::Note> taken;
    if (auto done = take_file(desk->folder, file, desk->now, taken); !done) return done;
    for (const auto& note : taken) {
      if (auto sent = hand_in(work, file, note); !sent) return sent;
      all.push_back(note);
    }
  }
  if (all.empty()) {
    return fail(ErrorCode::kStale, "all of it is older than what " + desk->folder.path().string() +
                                       " holds; nothing was handed in");
  }
  report_taken(common, desk->folder, all, true);
  return {};
}

}  // namespace culvert::cli
