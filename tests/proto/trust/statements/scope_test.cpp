#include "proto/trust/statements/scope.hpp"

#include <catch2/catch.hpp>

using namespace culvert::trust;

TEST_CASE("scope: one spelling") {
  for (const char* good : {"connect", "read", "kubernetes ns=a,b verbs=get", "ssh user=deploy",
                           "x a=/var/log,/var/tmp b=A.b-c_d:e@f+g"}) {
    INFO(good);
    CHECK(valid_grant_scope(good));
    CHECK(valid_policy_scope(good));
  }
  for (const char* bad : {"",
                          " ",
                          "connect ",
                          " connect",
                          "Connect",
                          "connect  a=1",
                          "connect a",
                          "connect a=",
                          "connect =1",
                          "connect a=1,",
                          "connect a=,1",
                          "connect a=1,1",
                          "connect a=2,1",
                          "connect b=1 a=1",
                          "connect a=1 a=2",
                          "connect a=*,b",
                          "connect a=b*",
                          "connect a=x y",
                          "connect a=\t",
                          "connect a=\"x\"",
                          "connect a=é",
                          "-a",
                          "connect A=1"}) {
    INFO(bad);
    CHECK_FALSE(valid_grant_scope(bad));
    CHECK_FALSE(valid_policy_scope(bad));
  }
  CHECK(valid_policy_scope("kubernetes ns=* verbs=get"));
  CHECK_FALSE(valid_grant_scope("kubernetes ns=* verbs=get"));
  CHECK_FALSE(valid_policy_scope("w k=" + std::string(101, 'a')));
  CHECK_FALSE(valid_policy_scope("w a=" + std::string(100, 'a') + " b=" + std::string(100, 'a')));
}

TEST_CASE("scope: what fits a line of the policy") {
  struct Row {
    const char* wanted;
    const char* allowed;
    bool fits;
  };
  const Row rows[] = {
      {"connect", "connect", true},
      {"connect", "read", false},
      {"k ns=a verbs=get", "k ns=a,b verbs=get,list", true},
      {"k ns=a,b verbs=get,list", "k ns=a,b verbs=get,list", true},
      {"k ns=c verbs=get", "k ns=a,b verbs=get,list", false},
      {"k ns=a,c verbs=get", "k ns=a,b verbs=get,list", false},
      {"k ns=anything verbs=get", "k ns=* verbs=get", true},
      {"k ns=* verbs=get", "k ns=* verbs=get", false},  // never in a grant
      {"k verbs=get", "k ns=* verbs=get", false},       // the sets of keys are equal
      {"k ns=a", "k ns=a verbs=get", false},
      {"k ns=a verbs=get", "k ns=a", false},
      {"k", "k ns=*", false},
      {"k ns=a", "k", false},
      {"", "connect", false},
      {"connect", "", false},
  };
  for (const auto& row : rows) {
    INFO(row.wanted << " | " << row.allowed);
    CHECK(scope_fits(row.wanted, row.allowed) == row.fits);
  }
}
