#include "agent/proxy/owner.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>

#include "proto/runtime/disk/files.hpp"

namespace culvert::proxy {
namespace {

// Columns of /proc/net/tcp: 0 slot · 1 local · 2 remote · 3 state · … · 7 uid · 8 timeout · 9 inode
constexpr std::size_t kColumns = 10;
// States in which a process still has its end open: ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT,
// LAST_ACK, CLOSING.
constexpr std::array<std::string_view, 6> kHeld = {"01", "04", "05", "08", "09", "0B"};

std::array<std::string_view, kColumns> columns_of(std::string_view line) {
  std::array<std::string_view, kColumns> out;
  for (auto& column : out) {
    const auto begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    column = line.substr(0, line.find(' '));
    line.remove_prefix(column.size());
  }
  return out;
}

template <class T>
std::optional<T> number(std::string_view digits, int base) {
  T value{};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// Parses "0100007F:1F90": 32-bit words in the machine's byte order, then the port.
std::optional<Endpoint> parse_column(std::string_view column) {
  const auto colon = column.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  Bytes raw;
  for (std::size_t at = 0; at < colon; at += 8) {
    const auto word = number<std::uint32_t>(column.substr(at, 8), 16);
    if (!word) return std::nullopt;
    std::array<std::uint8_t, 4> bytes{};
    store_le(bytes.data(), *word);
    append(raw, bytes);
  }
  const auto address = IpAddress::from(raw);
  const auto port = number<std::uint16_t>(column.substr(colon + 1), 16);
  if (!address || !port) return std::nullopt;
  return Endpoint{*address, *port};
}

// The socket of one row. parse_row() gives nothing when the process has closed the socket: then the
// kernel shows uid 0 and no inode.
struct Row {
  Endpoint local;
  Endpoint remote;
  std::uint32_t uid = 0;
};
std::optional<Row> parse_row(std::string_view line, Transport transport) {
  const auto columns = columns_of(line);
  if (columns[9] == "0" || columns[9].empty()) return std::nullopt;
  const bool held = std::find(kHeld.begin(), kHeld.end(), columns[3]) != kHeld.end();
  if (transport == Transport::kTcp && !held) return std::nullopt;
  const auto local = parse_column(columns[1]);
  const auto remote = parse_column(columns[2]);
  const auto uid = number<std::uint32_t>(columns[7], 10);
  if (!local || !remote || !uid) return std::nullopt;
  return Row{*local, *remote, *uid};
}

bool answers(const Row& row, const SocketQuestion& question) {
  if (question.transport == Transport::kTcp) {
    return row.local == question.client && row.remote == question.server;
  }
  if (row.local.port != question.client.port) return false;
  const auto& address = row.local.address;  // a UDP socket may be bound to every address
  const bool any = address.is_unspecified() || address == IpAddress::v4(0, 0, 0, 0);
  return any || address == question.client.address;
}

constexpr std::string_view kIdentity = "0 0 4294967295";  // uid_map of the first user namespace

std::optional<std::uint32_t> uid_of_nobody() {
  const auto map = runtime::read_file("/proc/self/uid_map");
  if (map) {
    const auto columns = columns_of(text(*map).substr(0, text(*map).find('\n')));
    const auto line =
        std::string(columns[0]) + " " + std::string(columns[1]) + " " + std::string(columns[2]);
    if (line == kIdentity) return std::nullopt;
  }
  const auto overflow = runtime::read_file("/proc/sys/kernel/overflowuid");
  constexpr std::uint32_t kUsual = 65534;
  if (!overflow) return kUsual;
  const auto digits = text(*overflow).substr(0, text(*overflow).find('\n'));
  return number<std::uint32_t>(digits, 10).value_or(kUsual);
}

}  // namespace

void find_in_table(std::string_view table, Transport transport,
                   std::span<const SocketQuestion> questions, Uids& uids) {
  std::bitset<0x10000> ports;  // ports of the wanted clients, so that most rows are skipped quickly
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (questions[i].transport == transport && !uids[i]) ports.set(questions[i].client.port);
  }
  while (!table.empty()) {
    const auto line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    const auto row = parse_row(line, transport);
    if (!row || !ports[row->local.port]) continue;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const bool open = questions[i].transport == transport && !uids[i];
      if (open && answers(*row, questions[i])) uids[i] = row->uid;
    }
  }
}

OwnerFinder::OwnerFinder(OwnerSources sources) : sources_(std::move(sources)) {
  if (!sources_.ask_kernel) return;
  if (auto opened = SocketDiag::open()) diag_.emplace(std::move(*opened));
}

Uids OwnerFinder::find(std::span<const SocketQuestion> questions) {
  Uids uids(questions.size());
  std::array<bool, 2> from_tables{};
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!ask_kernel(questions[i], uids[i])) {
      from_tables[static_cast<std::size_t>(questions[i].transport)] = true;
    }
  }
  for (const auto transport : {Transport::kTcp, Transport::kUdp}) {
    if (from_tables[static_cast<std::size_t>(transport)]) read_tables(transport, questions, uids);
  }
  return uids;
}

// False: the kernel gives no answer, so the tables must be read.
bool OwnerFinder::ask_kernel(const SocketQuestion& question, std::optional<std::uint32_t>& uid) {
  if (!diag_) return false;
  ++counters_.asked;
  const auto answer = diag_->ask(question);
  bool& proven = proven_[static_cast<std::size_t>(question.transport)];
  switch (answer.outcome) {
    case DiagOutcome::kOwner:
      proven = true;
      uid = answer.uid;
      return true;
    case DiagOutcome::kNobody:
      return proven;
    case DiagOutcome::kRefused:
      return false;
  }
  return false;
}

void OwnerFinder::read_tables(Transport transport, std::span<const SocketQuestion> questions,
                              Uids& uids) {
  const std::string name = transport == Transport::kTcp ? "/tcp" : "/udp";
  for (const char* family : {"", "6"}) {
    ++counters_.tables;
    const auto table = runtime::read_file(sources_.tables + name + family);
    if (table) find_in_table(text(*table), transport, questions, uids);
  }
}

OwnerRule::OwnerRule(std::uint32_t owner) : OwnerRule(owner, uid_of_nobody()) {}

}  // namespace culvert::proxy
