#include "proto/runtime/disk/notes_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "proto/runtime/disk/files.hpp"

using namespace culvert;
using namespace culvert::runtime;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    char path[] = "/tmp/notes-XXXXXX";
    root = mkdtemp(path);
    fs::create_directory(root / "dir");
  }
  ~Folder() { fs::remove_all(root); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(root / "dir" / name, std::ios::binary) << text;
  }
  std::vector<NotesFile> read() const { return read_notes_folder((root / "dir").string()); }
  fs::path root;
};

const NotesFile* find(const std::vector<NotesFile>& files, const std::string& name) {
  for (const auto& file : files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("notes folder: regular *.note files by name, nothing else") {
  const Folder folder;
  folder.write("b.note", "two");
  folder.write("a.note", "one");
  folder.write("a.txt", "no");
  folder.write(".hidden.note", "no");
  fs::create_directory(folder.root / "dir" / "folder.note");
  REQUIRE(mkfifo((folder.root / "dir" / "pipe.note").c_str(), 0600) == 0);
  const auto files = folder.read();
  REQUIRE(files.size() == 4);
  CHECK(files[0] == NotesFile{"a.note", std::string("one")});
  CHECK(files[1] == NotesFile{"b.note", std::string("two")});
  CHECK_FALSE(find(files, "folder.note")->text);
  CHECK_FALSE(find(files, "pipe.note")->text);  // without waiting for a writer
}

TEST_CASE("notes folder: links inside are followed, as a ConfigMap is mounted, others refused") {
  const Folder folder;
  fs::create_directory(folder.root / "dir" / "..2026_11_21");
  folder.write("..2026_11_21/policy.note", "the policy");
  fs::create_symlink("..2026_11_21", folder.root / "dir" / "..data");
  fs::create_symlink("..data/policy.note", folder.root / "dir" / "policy.note");
  std::ofstream(folder.root / "secret.note") << "secret";
  fs::create_symlink("../secret.note", folder.root / "dir" / "up.note");
  fs::create_symlink("/etc/passwd", folder.root / "dir" / "passwd.note");
  fs::create_symlink("nowhere", folder.root / "dir" / "dangling.note");
  fs::create_directory(folder.root / "dir2");  // the name begins with the other folder's name
  std::ofstream(folder.root / "dir2" / "x") << "secret";
  fs::create_symlink("../dir2/x", folder.root / "dir" / "sibling.note");
  const auto files = folder.read();
  CHECK(find(files, "policy.note")->text == std::string("the policy"));
  for (const char* name : {"up.note", "passwd.note", "sibling.note"}) {
    INFO(name);
    REQUIRE_FALSE(find(files, name)->text);
    CHECK(find(files, name)->text.error().code == ErrorCode::kDenied);
  }
  CHECK_FALSE(find(files, "dangling.note")->text);
}

TEST_CASE("notes folder: 256 files, 1 MiB each, 8 MiB in all") {
  const Folder folder;
  folder.write("a-whole.note", std::string(kMaxNotesFile, 'x'));
  folder.write("b-long.note", std::string(kMaxNotesFile + 1, 'x'));
  auto files = folder.read();
  CHECK(files[0].text);
  CHECK(files[1].text.error().code == ErrorCode::kExhausted);
  for (int i = 0; i < 8; ++i) {
    folder.write("c" + std::to_string(i) + ".note", std::string(kMaxNotesFile, 'x'));
  }
  files = folder.read();
  CHECK(find(files, "c6.note")->text);
  CHECK(find(files, "c7.note")->text.error().code == ErrorCode::kExhausted);
  for (int i = 0; i < 300; ++i) folder.write("d" + std::to_string(i) + ".note", "x");
  files = folder.read();
  REQUIRE(files.size() == kMaxNotesFiles + 1);
  CHECK_FALSE(files.back().text);
}

TEST_CASE("notes folder: a folder that is missing is one fault") {
  const auto files = read_notes_folder("/tmp/there-is-no-such-folder");
  REQUIRE(files.size() == 1);
  CHECK_FALSE(files[0].text);
}

TEST_CASE("notes folder: changes are seen, and told once") {
  const Folder folder;
  folder.write("a.note", "one");
  Loop loop;
  std::vector<std::vector<NotesFile>> told;
  const NotesFolder watched(
      loop, (folder.root / "dir").string(),
      [&](std::vector<NotesFile> files) { told.push_back(std::move(files)); });
  REQUIRE(loop.run_until([&] { return told.size() == 1; }, 30s));
  CHECK(told[0].size() == 1);
  folder.write("b.note", "two");
  REQUIRE(loop.run_until([&] { return told.size() >= 2 && told.back().size() == 2; }, 30s));
  fs::remove(folder.root / "dir" / "a.note");
  REQUIRE(loop.run_until([&] { return told.back().size() == 1; }, 30s));
  CHECK(told.back()[0].name == "b.note");
}
