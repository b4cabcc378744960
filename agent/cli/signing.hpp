// Drafts get their signatures one by one, from several persons, through a file.
#pragma once

#include <optional>

#include "agent/cli/day_two.hpp"
#include "agent/cli/draft.hpp"
#include "agent/cli/policy_check.hpp"
#include "agent/cli/root_folder.hpp"

namespace culvert::cli {

// The folder of a command, and the key of the person who acts, where there is one.
struct Desk {
  RootFolder folder;
  std::optional<KeyFile> key;
  Now now;
};
// `kind`: of the folder; nothing: that of the key, else a site's where the folder has one.
Result<Desk> open_desk(const Work& work, std::optional<trust::RootKind> kind);
std::filesystem::path folder_of(const Work& work);

PolicyContext policy_context(const Desk& desk);

// One more signature; then, when there are enough, into the folder's bundles and to the
// coordinator.
struct Signed {
  note::Note note;
  std::vector<std::string> persons;  // whose signatures are there and good
  bool complete = false;
  std::string missing;  // why it is not complete
  bool published = false;
};
// Refuses, before anything is written: a text that is wrong, a key that does not count for such a
// statement, a suspended key, a signature that does not fit the text.
Result<Signed> sign_draft(Desk& desk, const Work& work, const std::filesystem::path& file,
                          note::Note draft);
// What sign_draft() refuses before it writes, for a text that is not in a file yet.
Status may_sign(const Desk& desk, const std::string& text, const std::filesystem::path& file);
// What became of it, for people or as JSON, with the next command.
void report(const Common& common, const std::filesystem::path& file, const Signed& done);

Status hand_in(const Work& work, const std::filesystem::path& file, const note::Note& note);

}  // namespace culvert::cli
