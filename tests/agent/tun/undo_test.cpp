// Undo records: their content, what undo restores, and what stays. Temporary files take the place
// of resolv.conf.
#include "agent/tun/undo.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "proto/runtime/disk/files.hpp"

using namespace culvert;
using namespace culvert::tun;
namespace fs = std::filesystem;

namespace {

const std::string kBefore = "nameserver 10.0.0.1\n";
const std::string kOurs = "# ours\nnameserver 127.0.0.153\n";

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "culvert-undo.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
    put(kBefore);
  }
  ~Folder() { fs::remove_all(path); }
  std::string conf() const { return path + "/resolv.conf"; }
  std::string undo() const { return path + "/undo"; }
  void put(const std::string& text) const {
    REQUIRE(runtime::write_file_atomic(conf(), view(text)));
  }
  std::string get() const { return std::string(text(*runtime::read_file(conf()))); }
  std::string path;
};

}  // namespace

TEST_CASE("undo: the resolver's text is changed in place and put back") {
  const Folder folder;
  const fs::path link = folder.path + "/link";
  fs::create_hard_link(folder.conf(), link);
  Undo undo(folder.undo(), folder.conf());
  REQUIRE(undo.rewrite_resolver(kBefore, kOurs));
  CHECK(folder.get() == kOurs);
  CHECK(undo.resolver_is_ours());
  CHECK(fs::hard_link_count(folder.conf()) == 2);  // still the same file
  CHECK(undo.everything());
  CHECK(folder.get() == kBefore);
  CHECK_FALSE(fs::exists(folder.undo()));
  CHECK_FALSE(undo.everything());
}

TEST_CASE("undo: the next start does what a killed one could not") {
  const Folder folder;
  REQUIRE(Undo(folder.undo(), folder.conf()).rewrite_resolver(kBefore, kOurs));
  for (const auto& left : {kOurs, kOurs.substr(0, 9), std::string()}) {
    folder.put(left);  // as if the agent was killed while writing
    REQUIRE(runtime::make_private_folder(folder.undo()));
    REQUIRE(runtime::write_file_atomic(folder.undo() + "/resolv.conf", view(kBefore)));
    REQUIRE(runtime::write_file_atomic(folder.undo() + "/resolv.conf.ours", view(kOurs)));
    CHECK(Undo(folder.undo(), folder.conf()).everything());
    CHECK(folder.get() == kBefore);
    CHECK_FALSE(fs::exists(folder.undo()));
  }
}

TEST_CASE("undo: what somebody else has written is not touched") {
  const Folder folder;
  Undo undo(folder.undo(), folder.conf());
  REQUIRE(undo.rewrite_resolver(kBefore, kOurs));
  folder.put("nameserver 192.0.2.1\n");
  CHECK_FALSE(undo.resolver_is_ours());
  CHECK(undo.everything());
  CHECK(folder.get() == "nameserver 192.0.2.1\n");
  CHECK_FALSE(fs::exists(folder.undo()));
}

TEST_CASE("undo: a resolver file that cannot be written is one clear line") {
  const Folder folder;
  fs::remove(folder.conf());
  fs::create_directory(folder.conf());
  Undo undo(folder.undo(), folder.conf());
  const auto done = undo.rewrite_resolver(kBefore, kOurs);
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("--no-dns") != std::string::npos);
  CHECK(done.error().message.find('\n') == std::string::npos);
  undo.everything();
  CHECK_FALSE(fs::exists(folder.undo()));
}

TEST_CASE("undo: rules of another boot or network namespace are only struck out") {
  const Folder folder;
  REQUIRE(runtime::make_private_folder(folder.undo()));
  for (const char* record : {"1 1 other-boot 7\n", "garbage", ""}) {
    REQUIRE(runtime::make_private_folder(folder.undo()));
    REQUIRE(runtime::write_file_atomic(folder.undo() + "/rules", view(record)));
    CHECK(Undo(folder.undo(), folder.conf()).everything());
    CHECK_FALSE(fs::exists(folder.undo()));
  }
}
