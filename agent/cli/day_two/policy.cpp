// Commands that show, edit, check, compare and renew a site's policy. An edited policy is a draft,
// which signing.cpp signs.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agent/cli/day_two/signing.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kLifeByApprovers{90 * 24};
constexpr std::chrono::hours kLifeByRoot{365 * 24};
constexpr const char* kDraft = "policy.draft";

fs::path draft_of(const PolicyWork& work) {
  return work.file.empty() ? folder_of(work) / kDraft : fs::path(work.file);
}

Result<Desk> open_site(const PolicyWork& work) {
  auto desk = open_desk(work, trust::RootKind::kSite);
  if (desk && !desk->folder.policy()) {
    return fail(ErrorCode::kNotFound, (desk->folder.path() / kSiteBundle).string() +
                                          " holds no policy; restore it from a copy");
  }
  return desk;
}

Result<std::chrono::seconds> life_of(const Desk& desk, const PolicyWork& work) {
  const bool by_root = desk.folder.root().policy_by == trust::Group::kRoot;
  const auto life =
      work.life.empty()
          ? std::optional<std::chrono::seconds>(by_root ? kLifeByRoot : kLifeByApprovers)
          : parse_duration(work.life);
  if (life && life->count() > 0 && *life <= trust::kMaxPolicyLife) return *life;
  return fail(ErrorCode::kInvalid, "--expires: a time up to 400d, such as 90d");
}

// The policy in force with the next serial, the hash of the policy before it, and new times.
Result<trust::Policy> next_policy(const Desk& desk, const PolicyWork& work) {
  const auto life = life_of(desk, work);
  if (!life) return fail_with(life.error());
  auto next = *desk.folder.policy();
  next.serial += 1;
  next.previous = note::hash(desk.folder.policy_note());
  next.issued = desk.now.wall;
  next.expires = desk.now.wall + *life;
  return next;
}

nlohmann::json show_findings(const std::vector<Finding>& findings) {
  auto out = nlohmann::json::array();
  for (const auto& finding : findings) {
    out.push_back({{"line", finding.line}, {"text", finding.text}});
  }
  return out;
}

void print_findings(const PolicyFindings& found) {
  for (const auto& error : found.errors) print(bold("error") + " " + printable(format(error)));
  for (const auto& warning : found.warnings) {
    print(yellow("warning") + " " + printable(format(warning)));
  }
}

// Opens the file in the person's editor and waits. Error: there is no terminal.
Status open_editor(const fs::path& file) {
  const char* editor = std::getenv("VISUAL");
  if (editor == nullptr) editor = std::getenv("EDITOR");
  if (editor == nullptr || isatty(STDIN_FILENO) == 0 || !on_terminal()) return {};
  const auto path = file.string();
  const auto child = fork();
  if (child == 0) {
    // The shell splits an EDITOR of several words.
    execl("/bin/sh", "sh", "-c", "exec $0 \"$1\"", editor, path.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  if (child < 0) {
    return fail_with(runtime::file_error("start", editor, errno));
  }
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(ErrorCode::kInternal, std::string(editor) + " failed; the draft is in " + path);
}

void report_draft(const Common& common, const fs::path& file, const PolicyFindings& found) {
  if (common.json) {
    print_json(nlohmann::json{{"file", file.string()},
                              {"errors", show_findings(found.errors)},
                              {"warnings", show_findings(found.warnings)}});
    return;
  }
  print("draft in " + file.string());
  print_findings(found);
  hint_next("edit it, then: culvert policy check " + file.string() + ", policy diff, policy sign " +
            file.string() + " --key FILE");
}

}  // namespace

Status policy_show(const Common& common, const PolicyWork& work) {
  const auto desk = open_site(work);
  if (!desk) return fail_with(desk.error());
  const auto& policy = *desk->folder.policy();
  const auto& text = desk->folder.policy_note().text;
  const auto found = check_policy(text, policy_context(*desk));
  if (common.json) {
    print_json(nlohmann::json{{"site", policy.site.name.str()},
                              {"serial", policy.serial},
                              {"hash", trust::format_hash(note::hash(text).view())},
                              {"issued", format_time(policy.issued)},
                              {"expires", format_time(policy.expires)},
                              {"expired", policy.expires <= desk->now.wall},
                              {"vouched", desk->folder.policy_vouched()},
                              {"signed_by_group", trust::group_name(desk->folder.root().policy_by)},
                              {"services", policy.services.size()},
                              {"text", text},
                              {"warnings", show_findings(found.warnings)}});
    return {};
  }
  for (const auto& line : lines_of(text)) print(line);
  for (const auto& warning : found.warnings) hint("warning: " + format(warning));
  return {};
}

Status policy_edit(const Common& common, const PolicyWork& work) {
  const auto desk = open_site(work);
  if (!desk) return fail_with(desk.error());
  const auto next = next_policy(*desk, work);
  if (!next) return fail_with(next.error());
  const auto file = draft_of(work);
  auto draft = note::Note{next->render(), {}};
  const auto held = fs::exists(file) ? read_draft(file) : Result<note::Note>(note::Note{});
  if (!held) return fail_with(held.error());
  // Goes on with the draft in the file if the draft still follows the policy in force.
  const auto serial = "\nserial: " + std::to_string(next->serial) + "\n";
  const bool further =
      !work.anew && held->text.find(serial) != std::string::npos && held->signatures.empty();
  if (further) {
    draft = *held;
  } else {
    if (auto room =
            make_room(file, desk->folder.policy_note().text, work.anew, "culvert policy edit");
        !room) {
      return room;
    }
    if (auto written = write_draft(file, draft); !written) return written;
  }
  if (auto edited = open_editor(file); !edited) return edited;
  const auto now_there = read_draft(file);
  if (!now_there) return fail_with(now_there.error());
  report_draft(common, file, check_policy(now_there->text, policy_context(*desk)));
  return {};
}

Status policy_renew(const Common& common, const PolicyWork& work) {
  auto desk = open_site(work);
  if (!desk) return fail_with(desk.error());
  const auto next = next_policy(*desk, work);
  if (!next) return fail_with(next.error());
  const auto file = draft_of(work);
  const note::Note draft{next->render(), {}};
  const auto found = check_policy(draft.text, policy_context(*desk));
  if (!found.errors.empty()) {
    return fail(ErrorCode::kInvalid,
                "the policy in force cannot be renewed as it is: " + format(found.errors.front()) +
                    "; next: culvert policy edit");
  }
  if (desk->key) {
    if (auto may = may_sign(*desk, draft.text, file); !may) return may;
  }
  if (auto room =
          make_room(file, desk->folder.policy_note().text, work.anew, "culvert policy renew");
      !room) {
    return room;
  }
  if (auto written = write_draft(file, draft); !written) return written;
  if (!desk->key) {
    report_draft(common, file, found);
    return {};
  }
  const auto done = sign_draft(*desk, work, file, draft);
  if (!done) return fail_with(done.error());
  report(common, file, *done);
  return {};
}

Status policy_check(const Common& common, const PolicyWork& work) {
  const auto desk = open_site(work);
  if (!desk) return fail_with(desk.error());
  const auto file = draft_of(work);
  auto draft = read_draft(file);
  if (!draft) return fail_with(draft.error());
  if (work.sort && !draft->signatures.empty()) {
    return fail(ErrorCode::kConflict, file.string() + " is signed; --sort would change its text");
  }
  if (work.sort) {
    draft->text = sort_policy_lines(draft->text);
    if (auto written = write_draft(file, *draft); !written) return written;
  }
  auto context = policy_context(*desk);
  for (const auto& word : work.groups) {
    const auto group = trust::Label::parse(word);
    if (!group) return fail(ErrorCode::kInvalid, "--group: not a label: " + word);
    context.groups.insert(*group);
  }
  const auto found = check_policy(draft->text, context);
  if (common.json) {
    print_json(nlohmann::json{{"file", file.string()},
                              {"errors", show_findings(found.errors)},
                              {"warnings", show_findings(found.warnings)}});
  } else {
    print_findings(found);
  }
  if (!found.errors.empty()) {
    return fail(ErrorCode::kInvalid, file.string() + " has " + std::to_string(found.errors.size()) +
                                         (found.errors.size() == 1 ? " error" : " errors") +
                                         ", the first: " + format(found.errors.front()));
  }
  if (!common.json) {
    print(green("good") + ", with " + std::to_string(found.warnings.size()) +
          (found.warnings.size() == 1 ? " warning" : " warnings"));
    if (desk->folder.policy_note().text == draft->text) {
      hint_next("this policy is complete and in force in this folder: culvert publish " +
                file.string() + " --key FILE hands it in");
      return {};
    }
    hint_next("culvert policy diff " + file.string() + ", then culvert policy sign " +
              file.string() + " --key FILE");
  }
  return {};
}

Status policy_diff(const Common& common, const PolicyWork& work) {
  const auto desk = open_site(work);
  if (!desk) return fail_with(desk.error());
  const auto draft = read_draft(draft_of(work));
  if (!draft) return fail_with(draft.error());
  const auto changes = text_changes(desk->folder.policy_note().text, draft->text);
  auto rows = nlohmann::json::array();
  for (const auto& change : changes) {
    const std::string sign(1, change.sign);
    rows.push_back({{"change", sign}, {"line", change.line}, {"text", change.text}});
    if (common.json) continue;
    const auto line = sign + " " + printable(change.text);
    print(change.sign == '+' ? green(line) : yellow(line));
  }
  if (common.json) print_json(nlohmann::json{{"changes", rows}});
  if (!common.json && changes.empty()) print("no difference");
  return {};
}

}  // namespace culvert::cli
