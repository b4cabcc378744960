// The stub resolver's messages: which are answered, which are forwarded, and every malformed form.
#include <catch2/catch.hpp>
#include <functional>

#include "agent/dns/names.hpp"

namespace culvert::dns {
namespace {

const std::string kSite = "acme.us-east-1.aws.byoc.example.com";
const std::string kApi = "api." + kSite;
const IpAddress kAddress = *parse_address("fd63:756c:7665::a");
const Names kNames{{kSite}, [](const std::string& name) {
                     return name == kApi ? std::optional(kAddress) : std::nullopt;
                   }};

Bytes wire(std::string_view name) {
  Bytes out;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    append(out, view(label));
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  out.push_back(0);
  return out;
}

struct Parts {
  std::uint16_t flags = 0x0100;
  std::uint16_t questions = 1, answers = 0, authorities = 0, additional = 0;
  Bytes name = wire(kApi);
  std::uint16_t type = kTypeAaaa, class_ = 1;
  Bytes rest;
};
Bytes message(const Parts& parts) {
  Bytes out;
  Writer w(out);
  w.be<std::uint16_t>(0xBEEF).be(parts.flags).be(parts.questions).be(parts.answers);
  w.be(parts.authorities).be(parts.additional).bytes(parts.name).be(parts.type).be(parts.class_);
  w.bytes(parts.rest);
  return out;
}
Bytes asks(std::string_view name, std::uint16_t type = kTypeAaaa) {
  Parts parts;
  parts.name = wire(name);
  parts.type = type;
  return message(parts);
}
Bytes opt(std::uint8_t version = 0, Bytes name = {0}) {
  Bytes out = std::move(name);
  Writer w(out);
  w.be<std::uint16_t>(kTypeOpt).be<std::uint16_t>(4096);
  w.be<std::uint32_t>(std::uint32_t{version} << 16U).be<std::uint16_t>(0);
  return out;
}

unsigned rcode(const Bytes& reply) { return reply[3] & 0x0FU; }
unsigned count(const Bytes& reply, std::size_t at) {
  return load_be<std::uint16_t>(reply.data() + at);
}

TEST_CASE("dns: a granted service has its address, with a short life") {
  const auto out = handle(asks(kApi), kNames);
  REQUIRE(out.reply);
  CHECK_FALSE(out.forward);
  // id · QR AA RD · RA · one question, one answer · question as it came · pointer · AAAA IN ttl 16
  const std::string question = to_hex(wire(kApi)) + "001c0001";
  CHECK(to_hex(*out.reply) == "beef85800001000100000000" + question + "c00c001c0001000000020010" +
                                  to_hex(kAddress.bytes));
}

TEST_CASE("dns: names are told apart without regard to case") {
  for (const char* name : {"API.acme.US-east-1.aws.byoc.example.com"}) {
    const auto out = handle(asks(name), kNames);
    REQUIRE(out.reply);
    CHECK(count(*out.reply, 6) == 1);
    CHECK(out.reply->at(13) == 'A');  // the question as it came
  }
}

struct Case {
  const char* what;
  std::string name;
  std::uint16_t type;
  int rcode;  // -1: forwarded
  int answers;
};

TEST_CASE("dns: who answers for what") {
  const Case table[] = {
      {"any type", kApi, kTypeAny, 0, 1},
      {"IPv4 of a granted name", kApi, kTypeA, 0, 0},
      {"HTTPS record", kApi, 65, 0, 0},
      {"not granted", "db." + kSite, kTypeAaaa, 3, 0},
      {"not granted, IPv4", "db." + kSite, kTypeA, 3, 0},
      {"does not exist", "none." + kSite, kTypeAaaa, 3, 0},
      {"below a name that is granted alone", "x." + kApi, kTypeAaaa, 3, 0},
      {"the site itself", kSite, kTypeAaaa, 3, 0},
      {"an address of the mesh", "a.0." + std::string(kReverseZone), 12, 3, 0},
      {"with a search domain behind", kApi + ".corp.example", kTypeAaaa, 3, 0},
      {"the site with one", kSite + ".corp.example", kTypeA, 3, 0},
      {"another site's neighbour", "xacme.us-east-1.aws.byoc.example.com", kTypeAaaa, -1, 0},
      {"a label that ends like it", kSite + "x.corp.example", kTypeAaaa, -1, 0},
      {"above the site", "us-east-1.aws.byoc.example.com", kTypeAaaa, -1, 0},
      {"elsewhere", "www.example.org", kTypeA, -1, 0},
      {"the root", "", 2, -1, 0},
  };
  for (const Case& c : table) {
    INFO(c.what);
    const auto out = handle(asks(c.name, c.type), kNames);
    CHECK(out.forward.has_value() == (c.rcode < 0));
    REQUIRE(out.reply.has_value() == (c.rcode >= 0));
    if (c.rcode < 0) {
      CHECK(out.forward->name == c.name);
      CHECK(out.forward->type == c.type);
      CHECK(out.forward->id == 0xBEEF);
      continue;
    }
    CHECK(rcode(*out.reply) == static_cast<unsigned>(c.rcode));
    CHECK(count(*out.reply, 6) == static_cast<unsigned>(c.answers));
    CHECK(count(*out.reply, 8) == 0);
  }
}

TEST_CASE("dns: a dark name and one that does not exist are answered alike") {
  auto dark = *handle(asks("dark." + kSite), kNames).reply;
  auto none = *handle(asks("none." + kSite), kNames).reply;
  std::copy_n(dark.begin() + 13, 4, none.begin() + 13);
  CHECK(dark == none);
}

TEST_CASE("dns: another class is refused, granted or not") {
  Parts parts;
  parts.class_ = 3;
  CHECK(rcode(*handle(message(parts), kNames).reply) == 5);
  parts.name = wire("db." + kSite);
  CHECK(rcode(*handle(message(parts), kNames).reply) == 5);
}

TEST_CASE("dns: EDNS is tolerated, and answered in kind") {
  Parts parts;
  parts.additional = 1;
  parts.rest = opt();
  const auto reply = *handle(message(parts), kNames).reply;
  CHECK(count(reply, 10) == 1);
  CHECK(to_hex(ByteView(reply).last(11)) == "00002904d0000000000000");
  CHECK(count(reply, 6) == 1);

  parts.rest = opt(1);
  const auto version = *handle(message(parts), kNames).reply;
  CHECK(rcode(version) == 0);
  CHECK(to_hex(ByteView(version).last(11)) == "00002904d0010000000000");  // BADVERS: 1 ‖ 0
  CHECK(count(version, 6) == 0);
  // Records of other types are skipped; their names may point to the question.
  parts.additional = 2;
  parts.rest = opt();
  append(parts.rest, *from_hex("c00c00fa00ff000000000003010203"));
  CHECK(count(*handle(message(parts), kNames).reply, 6) == 1);
}

TEST_CASE("dns: bytes that are no letters cannot pass for a dot") {
  Parts parts;
  parts.name = wire("x." + kSite);
  parts.name = Bytes{5};  // one label "api.a"
  append(parts.name, view("api.a"));
  append(parts.name, wire("example"));
  const auto out = handle(message(parts), {{"a.example"}, {}});
  REQUIRE(out.forward);
  CHECK(out.forward->name == "api\\046a.example");
}

struct Bad {
  const char* what;
  Bytes bytes;
  int rcode;  // -1: silence
};

Bytes changed(const std::function<void(Parts&)>& change) {
  Parts parts;
  change(parts);
  return message(parts);
}

TEST_CASE("dns: every malformed form") {
  const auto name = [](Bytes wire_name) {
    return changed([&](Parts& p) { p.name = std::move(wire_name); });
  };
  const auto behind = [](std::uint16_t records, Bytes rest) {
    return changed([&](Parts& p) {
      p.additional = records;
      p.rest = std::move(rest);
    });
  };
  Bytes cut = message({});
  cut.resize(cut.size() - 1);
  Bytes longest;
  for (int i = 0; i < 4; ++i) {
    longest.push_back(63);
    longest.insert(longest.end(), 63, 'a');
  }
  longest.push_back(0);  // 257 bytes
  Bytes twice = opt();
  append(twice, opt());
  const Bad table[] = {
      {"empty", {}, -1},
      {"short header", Bytes(11), -1},
      {"an answer", changed([](Parts& p) { p.flags = 0x8180; }), -1},
      {"header alone", to_bytes(ByteView(message({})).first(12)), 1},
      {"no question", changed([](Parts& p) { p.questions = 0; }), 1},
      {"two questions", changed([](Parts& p) { p.questions = 2; }), 1},
      {"an answer section", changed([](Parts& p) { p.answers = 1; }), 1},
      {"an authority section", changed([](Parts& p) { p.authorities = 1; }), 1},
      {"question cut short", cut, 1},
      {"bytes behind", changed([](Parts& p) { p.rest = {0}; }), 1},
      {"NOTIFY", changed([](Parts& p) { p.flags = 0x2000; }), 4},
      {"UPDATE", changed([](Parts& p) { p.flags = 0x2800; }), 4},
      {"label of 64", name([] {
         Bytes b{64};
         b.insert(b.end(), 64, 'a');
         b.push_back(0);
         return b;
       }()),
       1},
      {"label type 10", name({0x80, 1, 0}), 1},
      {"label past the end", name({40, 'a'}), 1},
      {"name without an end", Bytes{0xBE, 0xEF, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a'}, 1},
      {"name of 257", name(longest), 1},
      {"pointer to itself", name({0xC0, 12}), 1},
      {"pointer forwards", name({1, 'a', 0xC0, 30}), 1},
      {"pointer into the header", name({0xC0, 4}), 1},
      {"pointer to its own start", name({1, 'a', 0xC0, 12}), 1},
      {"pointer cut short", Bytes{0xBE, 0xEF, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0}, 1},
      {"record missing", behind(1, {}), 1},
      {"record cut short", behind(1, {0, 0, 41, 1}), 1},
      {"record data past the end", behind(1, *from_hex("0000fa00ff000000000004010203")), 1},
      {"more records than any needs", behind(5, {}), 1},
      {"two OPT", behind(2, twice), 1},
      {"OPT with a name", behind(1, opt(0, {1, 'a', 0})), 1},
  };
  for (const Bad& bad : table) {
    INFO(bad.what);
    const auto out = handle(bad.bytes, kNames);
    CHECK_FALSE(out.forward);
    REQUIRE(out.reply.has_value() == (bad.rcode >= 0));
    if (!out.reply) continue;
    CHECK(rcode(*out.reply) == static_cast<unsigned>(bad.rcode));
    CHECK(out.reply->size() == kHeaderSize);
    CHECK(load_be<std::uint16_t>(out.reply->data()) == 0xBEEF);
  }
}

TEST_CASE("dns: every prefix of a query is malformed, and every byte may be anything") {
  Parts parts;
  parts.additional = 1;
  parts.rest = opt();
  const Bytes whole = message(parts);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(parse_query(ByteView(whole).first(size)));
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      Bytes one = whole;
      one[at] = static_cast<std::uint8_t>(value);
      const auto out = handle(one, kNames);
      if (out.reply) CHECK(out.reply->size() <= 512);
    }
  }
}

TEST_CASE("dns: a response is taken only for what was asked") {
  const auto query = parse_query(asks("www.example.org"));
  REQUIRE(query);
  Parts parts;
  parts.flags = 0x8180;
  parts.name = wire("WWW.example.org");
  CHECK(is_response_to(message(parts), *query, 0xBEEF));
  CHECK_FALSE(is_response_to(message(parts), *query, 0xBEEE));
  for (const auto& change : std::vector<std::function<void(Parts&)>>{
           [](Parts& p) { p.flags = 0x0100; },
           [](Parts& p) { p.flags = 0xA980; },
           [](Parts& p) { p.questions = 0; },
           [](Parts& p) { p.name = wire("www.example.net"); },
           [](Parts& p) {
             p.name = {0xC0, 12};
           },
           [](Parts& p) { p.type = kTypeA; },
           [](Parts& p) { p.class_ = 3; },
       }) {
    Parts other = parts;
    change(other);
    CHECK_FALSE(is_response_to(message(other), *query, 0xBEEF));
  }
  Bytes renumbered = message(parts);
  set_id(renumbered, 7);
  CHECK(is_response_to(renumbered, *query, 7));
}

}  // namespace
}  // namespace culvert::dns
