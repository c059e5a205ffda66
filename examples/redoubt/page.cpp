#include "page.hpp"

#include "html.hpp"
#include "page_style.hpp"

namespace redoubt::program {

std::string page(const std::string& title, const std::string& body) {
  return text(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // The page needs nothing from anywhere; the browser holds it to that.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "img-src data:\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
      title, "</title>\n<style>", page_style, "</style>\n</head>\n<body>\n<main>\n", body,
      "</main>\n</body>\n</html>\n");
}

std::string section(std::string_view title, const std::string& finding, const std::string& body) {
  return text("<section><h2>", title, "</h2>", finding.empty() ? "" : "<p class=\"finding\">" + finding + "</p>", body,
              "</section>\n");
}

std::string figure_tile(const std::string& value, const std::string& words, std::string_view css) {
  return text("<div class=\"tile ", css, "\"><dt>", words, "</dt><dd>", value, "</dd></div>");
}

std::string at_both_widths(const std::string& narrow, const std::string& wide) {
  return text("<div class=\"narrow\">", narrow, "</div><div class=\"wide\">", wide, "</div>");
}

std::string shown(const picture& image, colouring look, const std::string& caption) {
  if (image.values.empty()) {
    return text("<figure><figcaption>", caption, " ", dash, "</figcaption></figure>");
  }
  return text("<figure><img width=\"", image.width, "\" height=\"", image.height, "\" alt=\"", caption, "\" src=\"",
              png_address(image, look), "\"><figcaption>", caption, "</figcaption></figure>");
}

std::string plural(std::int64_t count, const std::string& thing) {
  return grouped(count) + " " + thing + (count == 1 ? "" : "s");
}

}  // namespace redoubt::program
