#include "proto/runtime/disk/notes_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>

#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/handle.hpp"
#include "proto/runtime/loop/timer.hpp"

namespace culvert::runtime {
namespace {

constexpr std::string_view kSuffix = ".note";

Result<std::string> real_path(const std::string& path) {
  char out[PATH_MAX];
  if (::realpath(path.c_str(), out) == nullptr) return fail_with(file_error("read", path, errno));
  return std::string(out);
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  DIR* open = ::opendir(folder.c_str());
  if (open == nullptr) return fail_with(file_error("read the folder", folder, errno));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(open)) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(kSuffix) && !name.starts_with('.')) names.emplace_back(name);
  }
  ::closedir(open);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> read_open(int file, const std::string& path, std::size_t room) {
  struct stat about {};
  if (::fstat(file, &about) != 0) return fail_with(file_error("read", path, errno));
  if (!S_ISREG(about.st_mode)) return fail(ErrorCode::kInvalid, "not a regular file");
  const std::size_t limit = std::min(kMaxNotesFile, room);
  std::string text;
  char part[16384];
  for (;;) {
    const ssize_t got = ::read(file, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_with(file_error("read", path, errno));
    if (got == 0) return text;
    text.append(part, static_cast<std::size_t>(got));
    if (text.size() <= limit) continue;
    return fail(ErrorCode::kExhausted, limit == kMaxNotesFile
                                           ? "longer than 1 MiB"
                                           : "the files of the folder have more than 8 MiB");
  }
}

// Resolves the path first and opens it without following links, so that the file read lies in the
// folder.
Result<std::string> read_inside(const std::string& folder, const std::string& name,
                                std::size_t room) {
  const auto path = real_path(folder + "/" + name);
  if (!path) return fail_with(path.error());
  const std::string base = folder == "/" ? folder : folder + "/";
  if (!path->starts_with(base)) {
    return fail(ErrorCode::kDenied, "the link leads out of the folder");
  }
  const int file = ::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return fail_with(file_error("read", *path, errno));
  auto text = read_open(file, *path, room);
  ::close(file);
  return text;
}

}  // namespace

std::vector<NotesFile> read_notes_folder(const std::string& folder) {
  const auto real = real_path(folder);
  if (!real) return {{folder, fail_with(real.error())}};
  const auto names = names_in(*real);
  if (!names) return {{folder, fail_with(names.error())}};
  std::vector<NotesFile> out;
  std::size_t bytes = 0;
  for (const std::string& name : *names) {
    if (out.size() == kMaxNotesFiles) {
      out.push_back(
          {folder, fail(ErrorCode::kExhausted,
                        "the folder holds more than 256 files; the others are not read")});
      break;
    }
    auto text = read_inside(*real, name, kMaxNotesBytes - bytes);
    if (text) bytes += text->size();
    out.push_back({name, std::move(text)});
  }
  return out;
}

struct NotesFolder::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, std::string f, Changed c)
      : loop(l), folder(std::move(f)), changed(std::move(c)), timer(l, [this] { read(); }) {}

  Loop& loop;
  std::string folder;
  Changed changed;
  Timer timer;
  HandlePtr<uv_fs_event_t> watch;
  bool reading = false, again = false;
  bool soon = false;  // the next reading is timed: a busy writer cannot put it off for ever
  std::optional<std::vector<NotesFile>> last;

  void start_watch();
  void read_soon();
  void read();
  void got(std::vector<NotesFile> files);
};

namespace {

// One reading on the thread pool; libuv owns the object meanwhile. The loop outlives the object,
// since the loop's destructor waits for its requests.
struct Work {
  uv_work_t request{};
  std::string folder;
  std::vector<NotesFile> files;
  std::function<void(std::vector<NotesFile>)> done;
};

}  // namespace

// Watches the folder. A folder that is made later, or replaced, is watched from the next poll on.
void NotesFolder::Impl::start_watch() {
  watch = make_handle(uv_fs_event_init, loop.raw(), this);
  const int failed = uv_fs_event_start(
      watch.get(),
      [](uv_fs_event_t* handle, const char*, int, int) {
        auto* self = static_cast<Impl*>(handle->data);
        if (self != nullptr) self->read_soon();
      },
      folder.c_str(), 0);
  if (failed != 0) watch.reset();
}

void NotesFolder::Impl::read_soon() {
  if (!std::exchange(soon, true)) timer.arm_in(kNotesSettle);
}

void NotesFolder::Impl::read() {
  soon = false;
  timer.arm_in(kNotesPoll);
  again = reading;
  if (reading) return;
  reading = true;
  start_watch();  // before the files are read, so that no change is missed
  auto* work = new Work;
  work->folder = folder;
  work->request.data = work;
  work->done = [weak = weak_from_this()](std::vector<NotesFile> files) {
    if (const auto self = weak.lock()) self->got(std::move(files));
  };
  uv_queue_work(
      loop.raw(), &work->request,
      [](uv_work_t* request) {
        auto* job = static_cast<Work*>(request->data);
        job->files = read_notes_folder(job->folder);
      },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Work> job(static_cast<Work*>(request->data));
        job->done(std::move(job->files));
      });
}

void NotesFolder::Impl::got(std::vector<NotesFile> files) {
  reading = false;
  if (std::exchange(again, false)) read_soon();
  if (last == files) return;
  last = files;
  changed(std::move(files));
}

NotesFolder::NotesFolder(Loop& loop, std::string folder, Changed changed)
    : impl_(std::make_shared<Impl>(loop, std::move(folder), std::move(changed))) {
  impl_->read();
}
NotesFolder::~NotesFolder() = default;

}  // namespace culvert::runtime
