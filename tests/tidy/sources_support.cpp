#include "tests/tidy/sources_support.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

namespace culvert::tidy {

const std::vector<File>& sources() {
  static const std::vector<File> all = [] {
    std::vector<File> found;
    const fs::path root = CULVERT_SOURCE_DIR;
    for (const char* top : {"proto", "agent", "coordinator", "relay", "tests"}) {
      if (!fs::exists(root / top)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
        const auto name = entry.path().filename().string();
        if (!name.ends_with(".hpp") && !name.ends_with(".cpp")) continue;
        File file{fs::relative(entry.path(), root).string(), {}};
        std::ifstream in(entry.path());
        for (std::string line; std::getline(in, line);) file.lines.push_back(line);
        found.push_back(std::move(file));
      }
    }
    std::sort(found.begin(), found.end(),
              [](const File& a, const File& b) { return a.path < b.path; });
    return found;
  }();
  return all;
}

namespace {

std::string joined(const std::vector<std::string>& offences) {
  std::string out;
  for (const auto& offence : offences) out += "\n  " + offence;
  return out;
}

}  // namespace

void check_none(const std::vector<std::string>& offences) {
  INFO(joined(offences));
  CHECK(offences.empty());
}

}  // namespace culvert::tidy
