#include "agent/shell/put_files.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "proto/runtime/disk/files.hpp"

namespace culvert::agent {
namespace {

constexpr std::string_view kPrefix = "put-revocations-";
constexpr std::string_view kSuffix = ".note";

std::string name_of(std::uint64_t number) {
  return std::string(kPrefix) + std::to_string(number) + std::string(kSuffix);
}

// Nothing: a file of another name, which a person has put there.
std::optional<std::uint64_t> number_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const auto digits = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  std::uint64_t out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return name == name_of(out) && out < UINT64_MAX ? std::optional(out) : std::nullopt;
}

}  // namespace

void PutFiles::add(File& file, Put put) {
  put.bytes = note::render(put.note).size() + 1;  // and the empty line between two notes
  file.bytes += put.bytes;
  bytes_ += put.bytes;
  shares_[put.owner] += put.bytes;
  file.puts.push_back(std::move(put));
}

void PutFiles::found(std::string_view file_name, std::vector<note::Note> notes,
                     const std::function<std::string(const note::Note&)>& owner) {
  const auto number = number_of(file_name);
  if (!number) return;
  File& file = files_[*number];
  file.readable = !notes.empty();
  for (auto& note : notes) {
    auto whose = owner(note);
    add(file, {std::move(note), std::move(whose), 0});
  }
}

// The last file if it has room, else a new file with the next number.
PutFiles::File* PutFiles::open_file(std::size_t bytes) {
  if (!files_.empty()) {
    File& last = files_.rbegin()->second;
    if (last.readable && last.puts.size() < kPutsInFile && last.bytes + bytes <= kPutFileBytes) {
      return &last;
    }
  }
  if (files_.size() >= kMaxPutFiles) return nullptr;
  return &files_[files_.empty() ? 0 : files_.rbegin()->first + 1];
}

Status PutFiles::keep(const note::Note& note, const std::string& owner) {
  const std::size_t bytes = note::render(note).size() + 1;
  if (shares_[owner] + bytes > share_) {
    return fail(ErrorCode::kExhausted, "the put revocations of " + owner +
                                           " fill their share of the folder; another approver "
                                           "must sign this one");
  }
  File* file = bytes_ + bytes > kMaxPutBytes ? nullptr : open_file(bytes);
  if (file == nullptr) {
    return fail(ErrorCode::kExhausted,
                "the folder has no room for further revocations; remove the oldest " +
                    std::string(kPrefix) + " files");
  }
  add(*file, {note, owner, 0});
  unsaved_.insert(files_.rbegin()->first);
  return save();
}

Status PutFiles::save() {
  while (!unsaved_.empty()) {
    const auto number = *unsaved_.begin();
    const std::string path = folder_ + "/" + name_of(number);
    std::vector<note::Note> notes;
    for (const Put& put : files_[number].puts) notes.push_back(put.note);
    auto written = notes.empty()
                       ? runtime::remove_file(path)
                       : runtime::write_file_atomic(path, view(note::render_bundle(notes)));
    if (!written) return written;
    if (notes.empty()) files_.erase(number);
    unsaved_.erase(number);
  }
  return {};
}

void PutFiles::drop(const std::function<bool(const note::Note&)>& is_over) {
  for (auto& entry : files_) {
    File& file = entry.second;
    const auto gone = std::erase_if(file.puts, [&](const Put& put) {
      if (!is_over(put.note)) return false;
      file.bytes -= put.bytes;
      bytes_ -= put.bytes;
      shares_[put.owner] -= put.bytes;
      return true;
    });
    if (gone != 0) unsaved_.insert(entry.first);
  }
  std::erase_if(shares_, [](const auto& share) { return share.second == 0; });
}

}  // namespace culvert::agent
