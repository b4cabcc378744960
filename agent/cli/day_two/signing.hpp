// Signing drafts. A draft is a file (agent/cli/people/draft.hpp) that goes from person to person;
// each one adds a signature here. A complete statement goes into the folder's bundles and to the
// coordinator.
#pragma once

#include <optional>

#include "agent/cli/day_two/commands.hpp"
#include "agent/cli/day_two/policy_check.hpp"
#include "agent/cli/people/draft.hpp"
#include "agent/cli/people/root_folder.hpp"

namespace culvert::cli {

// The folder of a command, and the key of the person who acts, if the command has one.
struct Desk {
  RootFolder folder;
  std::optional<KeyFile> key;
  Now now;
};
// `kind`: of the folder; nothing: the key's kind, else a site's if the folder has a site.bundle.
Result<Desk> open_desk(const Work& work, std::optional<trust::RootKind> kind);
std::filesystem::path folder_of(const Work& work);

PolicyContext policy_context(const Desk& desk);

// The result of one more signature.
struct Signed {
  note::Note note;
  std::vector<std::string> persons;  // persons whose signatures are valid
  bool complete = false;
  std::string missing;  // why the statement is not complete
  bool published = false;
};
// Adds the person's signature. A complete statement goes into the folder's bundles and to the
// coordinator. Errors, before anything is written: a wrong text, a key that does not count for the
// statement, a suspended key, a signature that does not fit the text.
Result<Signed> sign_draft(Desk& desk, const Work& work, const std::filesystem::path& file,
                          note::Note draft);
// The checks of sign_draft() for a text that is not in a file yet.
Status may_sign(const Desk& desk, const std::string& text, const std::filesystem::path& file);
// Prints the result, for people with the next command, or as JSON.
void report(const Common& common, const std::filesystem::path& file, const Signed& done);

Status hand_in(const Work& work, const std::filesystem::path& file, const note::Note& note);

}  // namespace culvert::cli
