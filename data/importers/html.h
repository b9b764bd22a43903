// The text of an HTML article.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace broadsheet {

// text, title, description, author, date, language, url; those that the page has.
using HtmlArticle = std::map<std::string, std::string, std::less<>>;

// Parsed by libxml2 as browsers would, however broken. `encoding`: of bytes that are no UTF-8 and do not say theirs;
// empty: none. Blocks of text are separated by '\n'. Without `boilerplate`, what Kohlschütter, Fankhauser and Nejdl
// ("Boilerplate detection using shallow text features", WSDM 2010, the classifier by numbers of words and density of
// links) take for it is left out: navigation, advertisements, lists of other articles. An ideograph counts as half a
// word.
HtmlArticle read_html(std::string_view page, const std::string& encoding, bool boilerplate);

}  // namespace broadsheet
