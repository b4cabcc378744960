// The rules of the house as failing tests: which folder may include what, how large files, folders
// and functions may be, which calls nobody makes. The tests read the sources as text. Each test
// names all offences at once.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/sources_support.hpp"

namespace fs = std::filesystem;
using culvert::tidy::check_none;
using culvert::tidy::File;
using culvert::tidy::sources;

namespace {

constexpr std::size_t kHeaderLines = 120;
constexpr std::size_t kSourceLines = 500;
constexpr std::size_t kFunctionLines = 70;
constexpr std::size_t kMainLines = 100;
constexpr std::size_t kColumns = 100;
constexpr std::size_t kFolderLines = 4000;

// Project folders that a folder may include from, beside itself and its subfolders. The longest
// matching prefix of the including file's folder counts.
const std::map<std::string, std::vector<std::string>>& allowed_folders() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"proto/core", {}},
      {"proto/crypto", {"proto/core"}},
      {"proto/ip", {"proto/core"}},
      {"proto/wireguard", {"proto/core", "proto/crypto", "proto/ip"}},
      {"proto/path", {"proto/core", "proto/crypto"}},
      {"proto/derp", {"proto/core", "proto/crypto"}},
      {"proto/note", {"proto/core", "proto/crypto"}},
      {"proto/audit", {"proto/core", "proto/crypto"}},
      {"proto/trust/statements", {"proto/core", "proto/crypto", "proto/note"}},
      {"proto/trust/register",
       {"proto/core", "proto/crypto", "proto/note", "proto/trust/statements"}},
      {"proto/trust/grants",
       {"proto/core", "proto/crypto", "proto/note", "proto/trust/statements",
        "proto/trust/register"}},
      {"proto/trust",
       {"proto/core", "proto/crypto", "proto/note", "proto/trust/statements",
        "proto/trust/register", "proto/trust/grants"}},
      {"proto/control", {"proto/core", "proto/crypto", "proto/note", "proto/trust", "proto/audit"}},
      {"proto/cli", {"proto/core"}},
      {"proto/http", {"proto/core"}},
      {"proto/runtime/loop", {"proto/core"}},
      {"proto/runtime/disk",
       {"proto/core", "proto/crypto", "proto/trust", "proto/audit", "proto/runtime/loop"}},
      {"proto/runtime/stream",
       {"proto/core", "proto/crypto", "proto/http", "proto/runtime/loop", "proto/runtime/disk"}},
      {"proto/runtime/packet", {"proto/core", "proto/crypto", "proto/ip", "proto/runtime/loop"}},
      {"agent", {"proto"}},
      {"relay", {"proto"}},
      {"relay/shell", {"proto", "relay"}},
      {"coordinator/shell", {"proto", "coordinator"}},
      {"coordinator/core", {"proto", "coordinator/ledger", "coordinator/store"}},
      {"coordinator/ledger", {"proto", "coordinator/store"}},
      {"relay/core", {"proto/core", "proto/crypto", "proto/derp"}},
      {"coordinator", {"proto"}},
      {"agent/terms", {"proto"}},
      {"agent/store", {"proto"}},
      {"agent/access", {"proto", "agent/terms", "agent/store"}},
      {"agent/mesh", {"proto", "agent/terms"}},
      {"agent/core", {"proto", "agent/terms", "agent/store", "agent/access", "agent/mesh"}},
      {"agent/stack", {"proto"}},
      {"agent/http", {"proto/core", "proto/http"}},
      {"agent/terminator", {"proto", "agent/http"}},
      {"agent/proxy", {"proto", "agent/core"}},
      {"agent/api", {"proto", "agent/core", "agent/proxy"}},
      {"agent/dns", {"proto/core"}},
      {"agent/tun", {"proto", "agent/dns"}},
      {"agent/shell", {"proto", "agent"}},
      {"agent/cli", {"proto", "agent"}},
      {"agent/cli/show", {"proto", "agent/api"}},
      {"agent/cli/people", {"proto", "agent/shell", "agent/cli/show"}},
      {"agent/cli/running", {"proto", "agent/api", "agent/cli/show"}},
      {"agent/cli/site", {"proto", "agent/shell", "agent/cli/show", "agent/cli/people"}},
      {"agent/cli/day_two", {"proto", "agent/cli/show", "agent/cli/people"}},
      {"agent/cli/approvals",
       {"proto", "agent/api", "agent/cli/show", "agent/cli/people", "agent/cli/site"}},
  };
  return table;
}

const std::vector<std::string>* folders_for(const std::string& folder) {
  for (std::string prefix = folder; !prefix.empty();) {
    const auto found = allowed_folders().find(prefix);
    if (found != allowed_folders().end()) return &found->second;
    const auto slash = prefix.rfind('/');
    prefix = slash == std::string::npos ? "" : prefix.substr(0, slash);
  }
  return nullptr;
}

// Libraries and the folders (or files) that alone may include them.
const std::vector<std::pair<std::string, std::vector<std::string>>>& libraries() {
  static const std::vector<std::pair<std::string, std::vector<std::string>>> table = {
      {"sodium.h", {"proto/crypto"}},
      {"intel-ipsec-mb.h", {"proto/crypto"}},
      {"openssl/", {"proto/crypto", "proto/runtime/stream"}},
      {"uv.h", {"proto/runtime"}},
      {"wslay/", {"proto/runtime/stream"}},
      {"spdlog/", {"proto/runtime/loop"}},
      {"nlohmann/",
       {"proto/control", "proto/derp/login", "proto/runtime/disk/config", "agent/api", "agent/cli",
        "agent/shell"}},
      {"httplib.h", {"agent/api", "agent/cli"}},
      {"sqlite3.h", {"coordinator/store"}},
      {"lwip/", {"agent/stack"}},
      {"CLI/",
       {"agent/cli", "agent/main", "relay/main", "coordinator/main", "relay/cli",
        "coordinator/cli"}},
      {"sys/socket.h", {"proto/runtime", "agent/stack", "agent/api", "agent/proxy"}},
      {"netinet/", {"proto/runtime", "agent/stack", "agent/proxy"}},
      {"arpa/", {"proto/core", "proto/runtime", "agent/stack"}},
      {"thread",
       {"proto/runtime", "agent/api", "agent/proxy", "agent/cli", "coordinator/shell/operate"}},
      {"iostream",
       {"agent/cli", "agent/main", "relay/main", "coordinator/main", "relay/cli",
        "coordinator/cli"}},
  };
  return table;
}

bool within(const std::string& path, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
    return path.starts_with(prefix + "/") || path.starts_with(prefix + ".");
  });
}

struct Include {
  std::string target;
  bool ours = false;
};

std::vector<Include> includes_of(const File& file) {
  static const std::regex form(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re");
  std::vector<Include> found;
  for (const auto& line : file.lines) {
    std::smatch match;
    if (std::regex_search(line, match, form)) found.push_back({match[2], match[1] == "\""});
  }
  return found;
}

bool product(const File& file) { return file.product(); }

}  // namespace

TEST_CASE("tidy: the sources are found") { CHECK(sources().size() > 20); }

TEST_CASE("tidy: dependencies point one way") {
  std::vector<std::string> offences;
  for (const auto& file : sources()) {
    if (!product(file)) continue;
    const auto* allowed = folders_for(file.folder());
    if (allowed == nullptr) {
      offences.push_back(file.path + ": its folder is not in the table");
      continue;
    }
    for (const auto& include : includes_of(file)) {
      if (!include.ours || include.target.starts_with("lwip/")) continue;
      const auto slash = include.target.rfind('/');
      const auto target = slash == std::string::npos ? "" : include.target.substr(0, slash);
      const bool same = target == file.folder() || target.starts_with(file.folder() + "/");
      if (!same && !within(target + "/", *allowed)) {
        offences.push_back(file.path + " includes " + include.target);
      }
    }
  }
  check_none(offences);
}

TEST_CASE("tidy: a pure folder does not reach the runtime, programs not each other") {
  std::vector<std::string> offences;
  for (const auto& file : sources()) {
    const bool pure =
        (file.under("proto") && !file.under("proto/runtime")) || file.under("agent/terms") ||
        file.under("agent/store") || file.under("agent/access") || file.under("agent/mesh") ||
        file.under("agent/core") || file.under("relay/core") || file.under("coordinator/core") ||
        file.under("coordinator/ledger") || file.under("agent/http");
    for (const auto& include : includes_of(file)) {
      if (pure && include.target.starts_with("proto/runtime/")) {
        offences.push_back(file.path + " includes " + include.target);
      }
      for (const std::string program : {"agent", "relay", "coordinator"}) {
        const bool foreign = include.target.starts_with(program + "/") && !file.under(program);
        if (product(file) && include.ours && foreign) {
          offences.push_back(file.path + " includes " + include.target);
        }
      }
    }
  }
  check_none(offences);
}

TEST_CASE("tidy: libraries stay where they belong") {
  std::vector<std::string> offences;
  for (const auto& file : sources()) {
    if (!product(file)) continue;
    for (const auto& include : includes_of(file)) {
      if (include.ours) continue;
      for (const auto& [library, folders] : libraries()) {
        const bool match =
            library.back() == '/' ? include.target.starts_with(library) : include.target == library;
        if (match && !within(file.path, folders)) {
          offences.push_back(file.path + " includes <" + include.target + ">");
        }
      }
    }
  }
  check_none(offences);
}

TEST_CASE("tidy: sizes") {
  std::vector<std::string> offences;
  for (const auto& file : sources()) {
    const auto limit = file.path.ends_with("/main.cpp") ? kMainLines
                       : file.header()                  ? kHeaderLines
                                                        : kSourceLines;
    if (product(file) && file.lines.size() > limit) {
      offences.push_back(file.path + ": " + std::to_string(file.lines.size()) + " lines, at most " +
                         std::to_string(limit));
    }
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      // The limit is in characters: continuation bytes of UTF-8 do not count.
      const auto width = std::count_if(file.lines[i].begin(), file.lines[i].end(),
                                       [](char c) { return (c & '\xC0') != '\x80'; });
      if (static_cast<std::size_t>(width) > kColumns &&
          file.lines[i].find("http") == std::string::npos) {
        offences.push_back(file.path + ":" + std::to_string(i + 1) + ": more than 100 columns");
      }
    }
  }
  check_none(offences);
}

TEST_CASE("tidy: no folder is too large") {
  std::map<std::string, std::size_t> lines;  // of the files directly in a folder
  for (const auto& file : sources()) {
    if (product(file)) lines[file.folder()] += file.lines.size();
  }
  std::vector<std::string> offences;
  for (const auto& [folder, count] : lines) {
    if (count > kFolderLines) {
      offences.push_back(folder + ": " + std::to_string(count) + " lines, at most " +
                         std::to_string(kFolderLines));
    }
  }
  check_none(offences);
}

// clang-format closes a function at column 0 with "}", a namespace with "}  // namespace".
TEST_CASE("tidy: functions fit on a screen") {
  std::vector<std::string> offences;
  for (const auto& file : sources()) {
    if (!product(file)) continue;
    std::size_t start = 0;  // the last line that stands at column 0 and opens something
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const auto& line = file.lines[i];
      if (line == "}" && i - start + 1 > kFunctionLines) {
        offences.push_back(file.path + ":" + std::to_string(start + 1) + ": " +
                           std::to_string(i - start + 1) + " lines");
      }
      if (!line.empty() && std::string_view(" }#/").find(line.front()) == std::string::npos)
        start = i;
    }
  }
  check_none(offences);
}

TEST_CASE("tidy: calls that are not made") {
  struct Ban {
    std::regex form;
    std::string why;
    std::vector<std::string> except;
  };
  const std::vector<Ban> bans = {
      {std::regex(
           R"(\b(system_clock|steady_clock|high_resolution_clock)::now\b|\bclock_gettime\s*\()"),
       "time is an argument",
       {"proto/runtime"}},
      {std::regex(R"((^|[^\w:.])(rand|srand|random)\s*\(\s*\)|std::(mt19937|random_device))"),
       "randomness is an Rng&",
       {}},
      {std::regex(R"(\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|system|popen)\s*\()"),
       "unbounded or unchecked",
       {}},
      {std::regex(R"(\b(sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\()"),
       "wait for the event",
       {"agent/cli", "coordinator/shell/operate"}},  // commands that follow or wait
      {std::regex(R"(\bcatch\s*\(\s*\.\.\.\s*\))"), "name what is caught", {}},
  };
  std::vector<std::string> offences;
  for (const auto& file : sources()) {
    if (file.under("tests/tidy")) continue;
    for (const auto& ban : bans) {
      if (within(file.path, ban.except)) continue;
      for (std::size_t i = 0; i < file.lines.size(); ++i) {
        const auto code = file.lines[i].substr(0, file.lines[i].find("//"));
        if (product(file) && std::regex_search(code, ban.form)) {
          offences.push_back(file.path + ":" + std::to_string(i + 1) + ": " + ban.why);
        }
      }
    }
  }
  check_none(offences);
}

TEST_CASE("tidy: headers begin with a comment and #pragma once") {
  std::vector<std::string> offences;
  for (const auto& file : sources()) {
    if (!product(file) || !file.header()) continue;
    const bool comment = !file.lines.empty() && file.lines.front().starts_with("//");
    const bool once =
        std::find(file.lines.begin(), file.lines.end(), "#pragma once") != file.lines.end();
    if (!comment || !once) offences.push_back(file.path);
  }
  check_none(offences);
}

// The contract of every core: the time is the first argument. Constructors, and functions that make
// an object (the list), take what the object keeps first.
TEST_CASE("tidy: now comes first") {
  static const std::regex late(R"(\b([a-z]\w*)\((?!Now\b|Instant\b)[^()]*,\s*(Now|Instant) now\b)");
  const std::set<std::string> makers = {"start", "begin", "open", "read_evidence"};
  std::vector<std::string> offences;
  std::size_t first = 0;
  for (const auto& file : sources()) {
    if (!product(file) || !file.header()) continue;
    std::string text;
    for (const auto& line : file.lines) {
      text += line.substr(0, line.find("//")) + "\n";
      if (line.find("(Now now") != std::string::npos) ++first;
    }
    for (std::sregex_iterator at(text.begin(), text.end(), late), end; at != end; ++at) {
      const std::string name = (*at)[1];
      if (!makers.contains(name)) offences.push_back(file.path + ": " + name);
    }
  }
  CHECK(first > 150);
  check_none(offences);
}

TEST_CASE("tidy: every fuzz target has a corpus") {
  const fs::path fuzz = fs::path(CULVERT_SOURCE_DIR) / "tests/fuzz";
  std::vector<std::string> offences;
  static const std::regex form(R"(culvert_fuzz\(\s*(\w+))");
  for (const auto& entry : fs::recursive_directory_iterator(fuzz)) {
    if (entry.path().filename() != "CMakeLists.txt") continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, form)) continue;
      if (!fs::exists(fuzz / "corpus" / match[1].str())) offences.push_back(match[1]);
    }
  }
  check_none(offences);
}

// Each step of docs/tour.md names a file and a function in it: `agent/mesh/data.cpp` `receive()`.
TEST_CASE("tidy: the tour names files and functions that exist") {
  std::ifstream in(fs::path(CULVERT_SOURCE_DIR) / "docs/tour.md");
  static const std::regex step(R"(`([a-z_/]+\.cpp)` `([a-z_]+)\(\)`)");
  std::vector<std::string> offences;
  std::size_t steps = 0;
  for (std::string line; std::getline(in, line);) {
    for (std::sregex_iterator at(line.begin(), line.end(), step), end; at != end; ++at) {
      ++steps;
      const auto file = std::find_if(sources().begin(), sources().end(),
                                     [&](const File& one) { return one.path == (*at)[1]; });
      const std::regex definition("(::|[ *&])" + (*at)[2].str() + R"(\()");
      const bool defined =
          file != sources().end() &&
          std::any_of(file->lines.begin(), file->lines.end(),
                      [&](const std::string& text) { return std::regex_search(text, definition); });
      if (!defined) offences.push_back((*at)[0]);
    }
  }
  CHECK(steps > 40);
  check_none(offences);
}

// A path in a comment or in the tour leads somewhere: `tests/sim/oracle.hpp`, docs/tour.md.
TEST_CASE("tidy: the tour and the comments name paths that exist") {
  const fs::path root(CULVERT_SOURCE_DIR);
  static const std::regex path(
      R"((?:^|[^a-z/])((?:agent|proto|coordinator|relay|tests|docs)/[a-z0-9_/-]+)"
      R"((?:\.(?:hpp|cpp|md|py|patch))?))");
  std::vector<std::string> offences;
  std::size_t paths = 0;
  const auto check = [&](const std::string& where, const std::string& words) {
    for (std::sregex_iterator at(words.begin(), words.end(), path), end; at != end; ++at) {
      ++paths;
      const std::string name = (*at)[1];
      if (!fs::exists(root / name)) offences.push_back(where + ": " + name);
    }
  };
  std::ifstream in(root / "docs/tour.md");
  for (std::string line; std::getline(in, line);) check("docs/tour.md", line);
  for (const File& file : sources()) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const auto comment = file.lines[i].find("// ");
      if (comment == std::string::npos) continue;
      check(file.path + ":" + std::to_string(i + 1), file.lines[i].substr(comment));
    }
  }
  CHECK(paths > 150);
  check_none(offences);
}
