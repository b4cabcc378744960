#include "proto/control/message.hpp"

#include <catch2/catch.hpp>

#include "proto/control/coordinator_pub.hpp"

namespace culvert::control {
namespace {

template <class Fixed>
Fixed filled(std::uint8_t with) {
  Fixed out;
  out.bytes.fill(with);
  return out;
}

const std::vector<Message>& samples() {
  static const std::vector<Message> kSamples = {
      Hello{},
      Hello{{1, 3}, "node\n", "enrolment\n", "run", 17, 18},
      Prove{1, filled<crypto::VerifyKey>(1), filled<crypto::Signature>(2)},
      Put{2, {"a\n", "b \"quoted\" — \xC3\xA9\n"}},
      Put{~std::uint64_t{0}, {}},
      SiteInfo{3, "api.acme.example.com"},
      LeaseRequest{4, filled<crypto::Hash>(3), {9, 8, 7}, {"01JD6Q0V5M3T9R8W2K7YB4XHNC"}},
      TicketRequest{5, "eu"},
      List{6, ListWhat::kRequests, std::nullopt, {}},
      List{7, ListWhat::kDevices, "acme.example.com", "w00"},
      List{14, ListWhat::kNodes, std::nullopt, {}},
      Offer{15, {filled<crypto::Hash>(8)}, {"note\n"}},
      AuditUpload{8, 100, {"one", "two"}},
      AuditQuery{9, "acme.example.com", 5},
      Ping{},
      Welcome{1,
              "run",
              5,
              {{"eu", "relay.example", 7444, 3478, filled<crypto::RelayKey>(4),
                filled<crypto::Hash>(5)}},
              6,
              7,
              {{filled<crypto::Hash>(9), 2, filled<crypto::Hash>(10)}},
              true},
      Delta{6, true, true, {"note\n"}, {filled<crypto::Hash>(6)}, 0, 9},
      Lease{10, "lease\n"},
      Ticket{11, "eu", "ticket\n"},
      Reply{12, {{"note\n", "PENDING"}}, {"support\n"}, {"line"}, filled<crypto::Hash>(7), 3, "a"},
      ErrorReply{13, ErrorCode::kDenied, "no"},
      Pong{},
  };
  return kSamples;
}

TEST_CASE("control messages: what is written is read back") {
  for (const auto& message : samples()) {
    const auto json = encode(message);
    INFO(json);
    const auto decoded = decode(json);
    REQUIRE(decoded.has_value());
    CHECK(*decoded == message);
  }
}

TEST_CASE("control messages: a written example stays as it is") {
  CHECK(encode(TicketRequest{5, "eu"}) == R"({"id":5,"relay":"eu","type":"ticket_request"})");
  CHECK(encode(ErrorReply{0, ErrorCode::kNotFound, "x"}) ==
        R"({"code":"not-found","message":"x","re":0,"type":"error"})");
}

TEST_CASE("control messages: hello and welcome alone may have fields of a later version") {
  const auto with_more = [](const Message& message) {
    auto json = encode(message);
    return R"({"a later field":{"x":[1]},)" + json.substr(1);
  };
  for (const auto& message : samples()) {
    INFO(encode(message));
    const bool open =
        std::holds_alternative<Hello>(message) || std::holds_alternative<Welcome>(message);
    const auto decoded = decode(with_more(message));
    CHECK(decoded.has_value() == open);
    if (decoded) CHECK(*decoded == message);
  }
  // Accepted inside a welcome too, and never inside another message.
  CHECK(decode(R"({"type":"welcome","version":1,"run":"r","seq":0,"stored":0,"audit_next":0,)"
               R"("offer":false,"revocations":[{"site":")" +
               std::string(64, '0') + R"(","count":0,"more":1,"digest":")" + std::string(64, '0') +
               R"("}],"relays":[]})")
            .has_value());
  CHECK_FALSE(decode(R"({"type":"reply","re":1,"entries":[{"note":"n","state":"s","more":1}],)"
                     R"("notes":[],"lines":[],"next":0})")
                  .has_value());
}

TEST_CASE("control messages: cut off anywhere they are refused") {
  for (const auto& message : samples()) {
    const auto json = encode(message);
    for (std::size_t size = 0; size < json.size(); ++size) {
      CHECK_FALSE(decode(std::string_view(json).substr(0, size)).has_value());
    }
  }
}

TEST_CASE("control messages: every malformed one is refused with its field's name") {
  struct Case {
    std::string json;
    std::string_view says;
  };
  const std::string hash(64, '0');
  const std::vector<Case> cases = {
      {"", "no JSON object"},
      {"null", "no JSON object"},
      {"[]", "no JSON object"},
      {"{}", "\"type\""},
      {R"({"type":5})", "\"type\""},
      {R"({"type":"nonsense"})", "unknown type"},
      {R"({"type":"ping","more":1})", "has an unknown field"},
      {R"({"type":"ping"} x)", "no JSON object"},
      {R"({"type":"put","id":1})", "\"notes\""},
      {R"({"type":"put","id":-1,"notes":[]})", "\"id\""},
      {R"({"type":"put","id":1.5,"notes":[]})", "\"id\""},
      {R"({"type":"put","id":"1","notes":[]})", "\"id\""},
      {R"({"type":"put","id":18446744073709551616,"notes":[]})", "\"id\""},
      {R"({"type":"put","id":1,"notes":"a"})", "\"notes\""},
      {R"({"type":"put","id":1,"notes":[1]})", "\"notes\""},
      {R"({"type":"put","id":1,"notes":[null]})", "\"notes\""},
      {R"({"type":"hello","version":[1,4294967296],"run":"","since":0,"stored":0})", "\"version\""},
      {R"({"type":"hello","version":[2,1],"run":"","since":0,"stored":0})", "\"version\""},
      {R"({"type":"hello","version":[1],"run":"","since":0,"stored":0})", "\"version\""},
      {R"({"type":"hello","version":1,"run":"","since":0,"stored":0})", "\"version\""},
      {R"({"type":"hello","version":[1,1],"run":"","since":0,"stored":0,"node":null})", "\"node\""},
      {R"({"type":"list","id":1,"what":"all"})", "\"what\""},
      {R"({"type":"prove","id":1,"key":"00","signature":"00"})", "\"key\""},
      {R"({"type":"error","re":1,"code":"odd","message":""})", "\"code\""},
      {R"({"type":"delta","seq":1,"full":1,"more":false,"put":[],"drop":[]})", "\"full\""},
      {R"({"type":"delta","seq":1,"full":true,"more":false,"put":[],"drop":["AA"]})", "\"drop\""},
      {R"({"type":"lease_request","id":1,"site":")" + hash + R"(","nonce":")" +
           std::string(64, 'G') + R"(","grants":[]})",
       "\"nonce\""},
      {R"({"type":"welcome","version":1,"run":"","seq":0,"relays":[{"id":"a"}]})", "\"relays\""},
      {R"({"type":"ticket_request","id":1,"relay":")" + std::string(254, 'a') + "\"}", "\"relay\""},
      {R"({"type":"ping","x":)" + std::string(100'000, '[') + "}", "too deep"},
      {std::string(kMaxMessage + 1, ' '), "too long"},
      {"{\"type\":\"put\",\"id\":1,\"notes\":[\"\xFF\"]}", "no JSON object"},
  };
  for (const auto& c : cases) {
    INFO(c.json.substr(0, 100));
    const auto decoded = decode(c.json);
    REQUIRE_FALSE(decoded.has_value());
    CHECK(decoded.error().code == ErrorCode::kInvalid);
    CHECK(decoded.error().message.find(c.says) != std::string::npos);
  }
}

TEST_CASE("control messages: lists past their bounds are refused") {
  CHECK_FALSE(decode(encode(Put{1, std::vector<std::string>(kMaxNotes + 1, "n")})).has_value());
  CHECK_FALSE(decode(encode(Put{1, {std::string(kMaxNoteSize + 1, 'n')}})).has_value());
  CHECK_FALSE(decode(encode(AuditUpload{1, 0, std::vector<std::string>(kMaxAuditEntries + 1, "e")}))
                  .has_value());
  CHECK(decode(encode(Put{1, std::vector<std::string>(kMaxNotes, "n")})).has_value());
}

TEST_CASE("coordinator.pub: read back, and refused when anything is off") {
  CoordinatorPub pub;
  pub.urls = {"https://control.example:7443", "http://[fd00::1]:80"};
  pub.control = filled<crypto::ControlKey>(1);
  pub.lease = filled<crypto::VerifyKey>(2);
  pub.ticket = filled<crypto::VerifyKey>(3);
  const auto text = pub.render();
  REQUIRE(CoordinatorPub::parse(text).has_value());
  CHECK(*CoordinatorPub::parse(text) == pub);
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_FALSE(CoordinatorPub::parse(text.substr(0, size)).has_value());
  }
  CHECK_FALSE(CoordinatorPub::parse(text + "\n").has_value());
  CHECK_FALSE(CoordinatorPub::parse("x" + text).has_value());
  for (const std::string_view url : {"", "https://", "ftp://a", "https://a/path", "https://A"}) {
    INFO(url);
    CHECK_FALSE(is_coordinator_url(url));
  }
}

}  // namespace
}  // namespace culvert::control
