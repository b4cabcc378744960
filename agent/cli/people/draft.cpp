#include "agent/cli/people/draft.hpp"

#include <algorithm>
#include <cstdint>

#include "proto/runtime/disk/files.hpp"

namespace culvert::cli {

namespace fs = std::filesystem;

Result<note::Note> read_draft(const fs::path& path) {
  const auto bytes = runtime::read_file(path.string(), note::kMaxNoteSize);
  if (!bytes) return fail_with(bytes.error());
  std::string content(text(*bytes));
  if (content.find("\n\n\xe2\x80\x94 ") == std::string::npos) {
    return note::Note{std::move(content), {}};
  }
  auto parsed = note::parse(content);
  if (parsed) return parsed;
  return fail(ErrorCode::kInvalid,
              path.string() + " is not a statement with its signatures: " + parsed.error().message +
                  "; next: restore the file as the last person sent it");
}

Status write_draft(const fs::path& path, const note::Note& draft) {
  const auto content = draft.signatures.empty() ? draft.text : note::render(draft);
  return runtime::write_file_atomic(path.string(), view(content));
}

Status make_room(const fs::path& path, const std::string& unless, bool anew,
                 const std::string& what) {
  if (!fs::exists(path)) return {};
  const auto held = read_draft(path);
  if (held && held->text == unless) return {};
  if (!anew) {
    return fail(ErrorCode::kConflict, path.string() + " holds another draft; next: " + what +
                                          " --new, which keeps the old one as " + path.string() +
                                          ".old");
  }
  std::error_code failed;
  fs::rename(path, path.string() + ".old", failed);
  if (!failed) return {};
  return fail(ErrorCode::kUnavailable,
              "cannot move " + path.string() + " aside: " + failed.message());
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

namespace {

// common[i * width + j]: the length of the longest common sequence of before[i…] and after[j…].
std::vector<std::uint32_t> common_lengths(const std::vector<std::string>& before,
                                          const std::vector<std::string>& after) {
  const auto width = after.size() + 1;
  std::vector<std::uint32_t> common((before.size() + 1) * width, 0);
  for (auto i = before.size(); i-- > 0;) {
    for (auto j = after.size(); j-- > 0;) {
      common[i * width + j] =
          before[i] == after[j] ? common[(i + 1) * width + j + 1] + 1
                                : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  return common;
}

}  // namespace

std::vector<TextChange> text_changes(std::string_view before_text, std::string_view after_text) {
  auto before = lines_of(before_text);
  auto after = lines_of(after_text);
  // Leaves out the common beginning and end, which would cost the square of their length.
  const auto head = static_cast<std::size_t>(
      std::mismatch(before.begin(), before.end(), after.begin(), after.end()).first -
      before.begin());
  before.erase(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(head));
  after.erase(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(head));
  while (!before.empty() && !after.empty() && before.back() == after.back()) {
    before.pop_back();
    after.pop_back();
  }
  const auto common = common_lengths(before, after);
  const auto width = after.size() + 1;
  std::vector<TextChange> out;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < before.size() || j < after.size()) {
    if (i < before.size() && j < after.size() && before[i] == after[j]) {
      ++i;
      ++j;
    } else if (j == after.size() ||
               (i < before.size() && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      out.push_back({'-', head + i + 1, before[i]});
      ++i;
    } else {
      out.push_back({'+', head + j + 1, after[j]});
      ++j;
    }
  }
  return out;
}

}  // namespace culvert::cli
