#include "coordinator/store/reserve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/crypto/hash.hpp"

namespace culvert::coordinator {
namespace {

constexpr std::string_view kMagic = "culvert-reserve1";
constexpr std::size_t kHead = 4 + crypto::Hash::kSize;  // header of a record
constexpr std::size_t kEnd = 4;                         // the length 0 after the last record

void put_text(Writer& out, std::string_view text) {
  out.be(static_cast<std::uint32_t>(text.size())).bytes(view(text));
}

Bytes pack(const Batch& batch) {
  Bytes packed;
  Writer out(packed);
  out.be(static_cast<std::uint32_t>(batch.put.size()));
  for (const auto& row : batch.put) {
    out.bytes(row.id.view()).be(static_cast<std::uint64_t>(row.arrived.seconds));
    put_text(out, row.note);
  }
  out.be(static_cast<std::uint32_t>(batch.audit.size()));
  for (const auto& row : batch.audit) {
    put_text(out, row.source);
    out.be(row.index).be(static_cast<std::uint64_t>(row.at.seconds));
    put_text(out, row.site);
    put_text(out, row.line);
  }
  return packed;
}

std::string take_text(Reader& in) { return std::string(text(in.take(in.be<std::uint32_t>()))); }

WallTime take_time(Reader& in) { return {static_cast<std::int64_t>(in.be<std::uint64_t>())}; }

std::optional<Batch> unpack(ByteView packed) {
  Reader in(packed);
  Batch batch;
  batch.revokes = true;
  for (auto rows = in.be<std::uint32_t>(); rows > 0 && in.ok(); --rows) {
    NoteRow row;
    if (const auto id = crypto::Hash::from(in.take(crypto::Hash::kSize))) row.id = *id;
    row.arrived = take_time(in);
    row.note = take_text(in);
    batch.put.push_back(std::move(row));
  }
  for (auto rows = in.be<std::uint32_t>(); rows > 0 && in.ok(); --rows) {
    AuditRow row;
    row.source = take_text(in);
    row.index = in.be<std::uint64_t>();
    row.at = take_time(in);
    row.site = take_text(in);
    row.line = take_text(in);
    batch.audit.push_back(std::move(row));
  }
  if (!in.ok() || !in.done()) return std::nullopt;
  return batch;
}

}  // namespace

Result<std::unique_ptr<Reserve>> Reserve::open(std::string path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return fail(ErrorCode::kUnavailable,
                "cannot open " + path + ": " + std::strerror(errno) + " (check the state folder)");
  }
  std::unique_ptr<Reserve> reserve(new Reserve(std::move(path), descriptor));
  if (auto loaded = reserve->load(); !loaded) return fail_with(loaded.error());
  (void)reserve->make_whole();  // on a full disk left() is 0
  return reserve;
}

Reserve::~Reserve() { ::close(descriptor_); }

Status Reserve::load() {
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) return trouble("cannot look at");
  Bytes all(std::min(static_cast<std::size_t>(info.st_size), kReserveBytes));
  const auto got = ::pread(descriptor_, all.data(), all.size(), 0);
  if (got < 0 || static_cast<std::size_t>(got) != all.size()) return trouble("cannot read");
  whole_ = all.size() == kReserveBytes && text(ByteView(all).first(kMagic.size())) == kMagic;
  end_ = kMagic.size();
  if (!whole_) return {};  // an unfinished file holds no record
  while (end_ + kHead <= all.size()) {
    Reader in(ByteView(all).subspan(end_));
    const std::size_t length = in.be<std::uint32_t>();
    if (length == 0 || end_ + kHead + length > all.size()) break;
    const auto hash = crypto::Hash::from(in.take(crypto::Hash::kSize));
    const auto payload = in.take(length);
    auto batch = hash == crypto::sha256(payload) ? unpack(payload) : std::nullopt;
    if (!batch) break;  // the record was not written whole
    held_.push_back(*std::move(batch));
    end_ += kHead + length;
  }
  return {};
}

Status Reserve::append(const Batch& batch) {
  const auto payload = pack(batch);
  if (kHead + payload.size() > left()) {
    return fail(ErrorCode::kExhausted, "the room that is set aside for revocations (" + path_ +
                                           ") is used up: free some space on the disk");
  }
  Bytes record;
  Writer out(record);
  out.be(static_cast<std::uint32_t>(payload.size())).bytes(crypto::sha256(payload).view());
  out.bytes(payload).be(std::uint32_t{0});
  if (auto written = write(end_, record); !written) return written;
  end_ += record.size() - kEnd;
  held_.push_back(batch);
  return {};
}

Status Reserve::clear() {
  const std::array<std::uint8_t, kEnd> end{};
  if (auto written = write(kMagic.size(), end); !written) return written;
  end_ = kMagic.size();
  held_.clear();
  return {};
}

// Writes the magic last: a file that begins with the magic has all its blocks.
Status Reserve::make_whole() {
  if (whole_) return {};
  const Bytes zeros(kReserveBytes);
  if (auto written = write(0, zeros); !written) {
    (void)!::ftruncate(descriptor_, 0);  // gives the partial room back
    return written;
  }
  if (auto written = write(0, view(kMagic)); !written) return written;
  whole_ = true;
  return {};
}

Status Reserve::try_room() {
  if (auto whole = make_whole(); !whole) return whole;
  errno = ::posix_fallocate(descriptor_, kReserveBytes, kTriedRoom);
  if (errno != 0) return trouble("the disk is full; cannot enlarge");
  if (::ftruncate(descriptor_, kReserveBytes) != 0) return trouble("cannot shorten");
  return {};
}

std::size_t Reserve::left() const { return whole_ ? kReserveBytes - end_ - kEnd : 0; }

Status Reserve::write(std::size_t at, ByteView bytes) {
  while (!bytes.empty()) {
    const auto done = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return trouble("cannot write");
    at += static_cast<std::size_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  if (::fdatasync(descriptor_) != 0) return trouble("cannot write");
  return {};
}

tl::unexpected<Error> Reserve::trouble(const char* doing) const {
  return fail(ErrorCode::kUnavailable,
              std::string(doing) + " " + path_ + ": " + std::strerror(errno));
}

}  // namespace culvert::coordinator
