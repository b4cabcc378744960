#include "agent/access/hello_bundle.hpp"

#include <catch2/catch.hpp>

namespace culvert::agent {
namespace {

note::Note of_size(const std::string& name, std::size_t size) {
  note::SignatureLine line;
  line.name = name;
  line.signature = Bytes(64, 7);
  return {name + std::string(size, 'x') + "\n", {line}};
}

TEST_CASE("hello: a policy that would make it too long stays out, the enrolment never does") {
  const auto enrolment = of_size("enrolment", 400);
  const auto enrolled = of_size("enrolled", 400);
  const auto notes_in = [&](std::size_t policy_size) {
    const auto text = hello_bundle(of_size("policy", policy_size), enrolment, enrolled);
    CHECK(text.size() <= kMaxHelloBundle);
    return note::parse_bundle(text).value().size();
  };
  CHECK(notes_in(40'000) == 3);
  CHECK(notes_in(49'000) == 2);
  CHECK(notes_in(200'000) == 2);
  CHECK(note::parse_bundle(hello_bundle(std::nullopt, enrolment, enrolled)).value().size() == 2);
  CHECK(note::parse_bundle(hello_bundle(std::nullopt, enrolment, std::nullopt)).value().size() ==
        1);
}

}  // namespace
}  // namespace culvert::agent
