// Manual page and completions of a made-up program, read line by line.
#include <catch2/catch.hpp>

#include "proto/cli/completion.hpp"
#include "proto/cli/manual.hpp"

using namespace culvert::cli;

namespace {

Command program() {
  const Argument help{{"-h", "--help"}, "", "help", "", false};
  const Argument state{{"--state"}, "DIR", "its folder", "", false};
  Command ask{"ask", "ask for it", {help}, {}, {}};
  ask.options.push_back({{"--reason"}, "TEXT", "what's it for", "", true});
  ask.options.push_back({{"-f", "--for"}, "TIME", "how long", "1h", false});
  ask.options.push_back({{"--wait"}, "", "until it is there", "", false});
  ask.positionals.push_back({{"SERVICE"}, "TEXT", "its name", "", true});
  Command site{"site", "the site", {help}, {}, {{"init", "make it", {help}, {}, {}}}};
  site.commands.front().options.push_back({{"--key"}, "FILE", "a key", "", true});
  return {"tool", "a tool", {help, state}, {}, {ask, site}};
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("manual: each command with its options, defaults and what is required") {
  const auto page = render_manual(program(), {"9.9",
                                              "a tool for tests",
                                              {"First.", "Second."},
                                              {{"To ask:", "tool ask x"}},
                                              {{"/etc/tool.json", "its configuration"}},
                                              {},
                                              {{"0", "done"}},
                                              "other(1)"});
  CHECK(page.starts_with(".TH TOOL 1 \"\" \"tool 9.9\"\n.SH NAME\ntool \\- a tool for tests\n"));
  CHECK(has(page,
            ".SS tool ask \\-\\-reason TEXT [\\-\\-for TIME] [\\-\\-wait] SERVICE\nask for it\n"));
  CHECK(has(page, "\\fB\\-f\\fR, \\fB\\-\\-for\\fR \\fITIME\\fR\nhow long (default: 1h)\n"));
  CHECK(has(page, "\\fITEXT\\fR\nwhat's it for (required)\n"));
  CHECK(has(page, ".SS tool site init \\-\\-key FILE\n"));
  CHECK_FALSE(has(page, ".SS tool site\n"));
  CHECK(has(page, ".SH FILES\n.TP\n\\fB/etc/tool.json\\fR\nits configuration\n"));
  CHECK_FALSE(has(page, ".SH ENVIRONMENT"));
  CHECK(has(page, ".SH SEE ALSO\nother(1)\n"));
}

TEST_CASE("manual: what roff would act on is text") {
  auto tool = program();
  tool.commands.front().help = ".so /etc/passwd \\n[x] é…😀";
  const auto page = render_manual(tool, {"1", "x", {"'tis"}, {}, {}, {}, {}, ""});
  CHECK(has(page, "\n\\&.so /etc/passwd \\en[x] \\[u00E9]\\[u2026]\\[u1F600]\n"));
  CHECK(has(page, "\n\\&'tis\n"));
}

TEST_CASE("completion: bash") {
  const auto script = complete_bash(program(), {{"SERVICE", "tool names"}});
  CHECK(has(script, "' ask') options='--help --reason --for --wait --state' kind='SERVICE' ;;"));
  CHECK(has(script, "'') options='--help --state' words='ask site' ;;"));
  CHECK(has(script, "' site init') options='--help --key --state' ;;"));
  CHECK(has(script, "'--key') kind='FILE'"));
  CHECK(has(script, "'--for'|'-f') kind='TIME'"));
  CHECK(has(script, "'SERVICE') words=$(tool names 2>/dev/null) ;;"));
}

TEST_CASE("completion: zsh and fish carry the help texts, quoted") {
  const auto zsh = complete_zsh(program(), {{"SERVICE", "tool names"}});
  CHECK(zsh.starts_with("#compdef tool\n"));
  CHECK(has(zsh, R"('--reason:what'\''s it for')"));
  CHECK(has(zsh, "choices=( 'ask:ask for it' 'site:the site')"));
  const auto fish = complete_fish(program(), {{"SERVICE", "tool names"}});
  CHECK(has(fish, R"(-l reason -r -d 'what\'s it for')"));
  CHECK(has(fish, R"(complete -c tool -n '__tool_at " site"' -a 'init' -d 'make it')"));
  CHECK(has(fish, R"(complete -c tool -n '__tool_at " ask"' -a '(tool names 2>/dev/null)')"));
  CHECK(has(fish, R"(-l key -r -F -d 'a key')"));
}

TEST_CASE("completion: only for shells that are known") {
  CHECK(completion_script("bash", program(), {}));
  CHECK(completion_script("zsh", program(), {}));
  CHECK(completion_script("fish", program(), {}));
  const auto other = completion_script("csh", program(), {});
  REQUIRE_FALSE(other);
  CHECK(has(other.error().message, "bash, zsh, fish"));
}
