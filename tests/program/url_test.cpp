#include "url.hpp"

#include <doctest/doctest.h>

#include <string>

using redoubt::program::split_url;

TEST_CASE("url: a server and a path, which is / where there is none") {
  const auto whole = split_url("https://host.ns.svc:8443/apis/v1/status?a=b");
  REQUIRE(whole);
  CHECK(whole->server == "https://host.ns.svc:8443");
  CHECK(whole->path == "/apis/v1/status?a=b");
  const auto bare = split_url("http://broker");
  REQUIRE(bare);
  CHECK(bare->server == "http://broker");
  CHECK(bare->path == "/");
}

TEST_CASE("url: what is none, or has another scheme, is nothing") {
  for (const char* text : {"", "nonsense", "broker:80", "http://", "ftp://host/", "/path", "http://host/#part"}) {
    CAPTURE(text);
    CHECK_FALSE(split_url(text));
  }
}
