// The project's sources as text, for the rules of the house that are tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace culvert::tidy {

struct File {
  std::string path;  // from the project's root
  std::vector<std::string> lines;

  bool under(std::string_view folder) const { return path.starts_with(std::string(folder) + "/"); }
  std::string folder() const { return path.substr(0, path.rfind('/')); }
  bool header() const { return path.ends_with(".hpp"); }
  bool product() const { return !under("tests"); }
};

// All C++ sources of the project, sorted by path.
const std::vector<File>& sources();

// Fails the running test case and names every offence, one a line.
void check_none(const std::vector<std::string>& offences);

}  // namespace culvert::tidy
