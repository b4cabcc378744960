#include "agent/dns/message.hpp"

namespace culvert::dns {
namespace {

constexpr std::uint8_t kPointer = 0xC0;
constexpr std::size_t kMaxLabel = 63;
constexpr std::uint8_t kQr = 0x80, kOpcode = 0x78, kRd = 0x01;  // bits of byte 2
constexpr std::uint8_t kAa = 0x04;
constexpr std::uint8_t kRa = 0x80;  // a bit of byte 3

struct Name {
  std::string text;
  std::size_t end = 0;  // offset after the name in the message
};

void add_escaped(std::string& out, std::uint8_t byte) {
  const char c = static_cast<char>(byte);
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') {
    out += c;
  } else if (c >= 'A' && c <= 'Z') {
    out += static_cast<char>(c - 'A' + 'a');
  } else {
    out += '\\';
    for (const int digit : {byte / 100, byte / 10 % 10, byte % 10}) {
      out += static_cast<char>('0' + digit);
    }
  }
}

std::optional<Name> read_name(ByteView message, std::size_t at) {
  Name name;
  std::size_t lowest = at;  // a pointer must lead below everything read so far
  std::size_t wire = 1;
  bool jumped = false;
  for (;;) {
    if (at >= message.size()) return std::nullopt;
    const std::size_t length = message[at];
    if (length == 0) {
      if (!jumped) name.end = at + 1;
      return name;
    }
    if ((length & kPointer) == kPointer) {
      if (at + 2 > message.size()) return std::nullopt;
      const std::size_t target = load_be<std::uint16_t>(message.data() + at) & 0x3FFFU;
      if (target >= lowest || target < kHeaderSize) return std::nullopt;
      if (!jumped) name.end = at + 2;
      jumped = true;
      at = lowest = target;
      continue;
    }
    wire += 1 + length;
    if (length > kMaxLabel || wire > kMaxName || at + 1 + length > message.size()) {
      return std::nullopt;
    }
    if (!name.text.empty()) name.text += '.';
    for (const std::uint8_t byte : message.subspan(at + 1, length)) add_escaped(name.text, byte);
    at += 1 + length;
  }
}

// Reads the additional records of a query: takes EDNS (RFC 6891 §6.1) and skips all others.
bool read_additional(ByteView message, std::size_t at, std::size_t count, Query& query) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = read_name(message, at);
    if (!name || name->end + 10 > message.size()) return false;
    const std::uint8_t* record = message.data() + name->end;
    const std::size_t length = load_be<std::uint16_t>(record + 8);
    at = name->end + 10 + length;
    if (at > message.size()) return false;
    if (load_be<std::uint16_t>(record) != kTypeOpt) continue;
    if (query.edns || !name->text.empty()) return false;
    query.edns = true;
    query.edns_version = record[5];
  }
  return at == message.size();
}

}  // namespace

Result<Query, Fault> parse_query(ByteView message) {
  if (message.size() < kHeaderSize || (message[2] & kQr) != 0) return fail_with(Fault::kSilent);
  if ((message[2] & kOpcode) != 0) return fail_with(Fault::kUnknownOpcode);
  const auto count = [&](std::size_t at) { return load_be<std::uint16_t>(message.data() + at); };
  if (count(4) != 1 || count(6) != 0 || count(8) != 0 || count(10) > kMaxAdditional) {
    return fail_with(Fault::kMalformed);
  }
  const auto name = read_name(message, kHeaderSize);
  if (!name || name->end + 4 > message.size()) return fail_with(Fault::kMalformed);
  Query query;
  query.id = count(0);
  query.recursion_desired = (message[2] & kRd) != 0;
  query.name = name->text;
  query.type = count(name->end);
  query.class_ = count(name->end + 2);
  query.question = to_bytes(message.subspan(kHeaderSize, name->end + 4 - kHeaderSize));
  if (!read_additional(message, name->end + 4, count(10), query)) {
    return fail_with(Fault::kMalformed);
  }
  return query;
}

Bytes make_answer(const Query& query, Rcode code, const std::optional<IpAddress>& address) {
  const auto value = static_cast<std::uint16_t>(code);
  Bytes out;
  Writer writer(out);
  writer.be(query.id);
  out.push_back(static_cast<std::uint8_t>(kQr | kAa | (query.recursion_desired ? kRd : 0U)));
  out.push_back(static_cast<std::uint8_t>(kRa | (value & 0x0FU)));
  writer.be<std::uint16_t>(1).be<std::uint16_t>(address ? 1 : 0).be<std::uint16_t>(0);
  writer.be<std::uint16_t>(query.edns ? 1 : 0).bytes(query.question);
  if (address) {
    writer.be<std::uint16_t>(0xC000U | kHeaderSize).be<std::uint16_t>(kTypeAaaa);
    writer.be(kClassInternet).be(kTimeToLive).be<std::uint16_t>(16).bytes(address->bytes);
  }
  if (query.edns) {  // root name, OPT, payload size, upper rcode ‖ version ‖ flags, no data
    out.push_back(0);
    writer.be<std::uint16_t>(kTypeOpt).be(kUdpPayload);
    writer.be(static_cast<std::uint32_t>(value >> 4U) << 24U).be<std::uint16_t>(0);
  }
  return out;
}

std::optional<Bytes> make_error(ByteView message, Fault fault) {
  if (fault == Fault::kSilent || message.size() < kHeaderSize) return std::nullopt;
  const Rcode code = fault == Fault::kUnknownOpcode ? Rcode::kNotImplemented : Rcode::kFormatError;
  Bytes out(kHeaderSize);
  out[0] = message[0];
  out[1] = message[1];
  out[2] = static_cast<std::uint8_t>(kQr | (message[2] & (kOpcode | kRd)));
  out[3] = static_cast<std::uint8_t>(kRa | static_cast<std::uint16_t>(code));
  return out;
}

bool is_response_to(ByteView response, const Query& asked, std::uint16_t id) {
  if (response.size() < kHeaderSize || (response[2] & (kQr | kOpcode)) != kQr) return false;
  if (load_be<std::uint16_t>(response.data()) != id) return false;
  if (load_be<std::uint16_t>(response.data() + 4) != 1) return false;
  const auto name = read_name(response, kHeaderSize);
  if (!name || name->end + 4 > response.size()) return false;
  return name->text == asked.name &&
         load_be<std::uint16_t>(response.data() + name->end) == asked.type &&
         load_be<std::uint16_t>(response.data() + name->end + 2) == asked.class_;
}

void set_id(MutableByteView message, std::uint16_t id) { store_be(message.data(), id); }

}  // namespace culvert::dns
