// Statements: a text that parses has exactly one type and renders to the same text; Evidence
// accepts or refuses any note without a crash.
#include <cstdlib>

#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/display.hpp"
#include "proto/trust/statements/lease_question.hpp"
#include "proto/trust/statements/sign.hpp"

using namespace culvert;
using namespace culvert::trust;

namespace {

template <class Statement>
int parses(std::string_view input) {
  const auto statement = Statement::parse(input);
  if (!statement) return 0;
  if (statement->render() != input) std::abort();
  return 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = text(ByteView(data, size));
  const int count = parses<Root>(input) + parses<Site>(input) + parses<Policy>(input) +
                    parses<Fresh>(input) + parses<Enrolment>(input) + parses<Enrolled>(input) +
                    parses<Node>(input) + parses<Service>(input) + parses<Grant>(input) +
                    parses<Lease>(input) + parses<Revocation>(input) + parses<Ticket>(input) +
                    parses<Places>(input) + parses<SiteState>(input) + parses<Floors>(input) +
                    parses<LeaseQuestion>(input);
  if (count > 1) std::abort();
  for (const std::size_t columns : {0U, 1U, 20U, 64U}) {
    if (display_text(input, columns).size() > 6 * input.size() + 16) std::abort();
  }

  const Now now{Instant{1}, WallTime{1'795'273'200}};
  const note::Note note{std::string(input), {}};
  Evidence evidence({note::hash(note), note::hash(note), false}, {});
  if (evidence.offer(now, note)) std::abort();  // nobody has signed the note
  if (const auto change = evidence.offer(now, input); change && evidence.live(now).size() > 64) {
    std::abort();
  }
  return 0;
}
