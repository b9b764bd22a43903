// HTML in texts that should have none.
#pragma once

#include <string>

namespace broadsheet {

// Tags and comments go (those that begin or end a paragraph leave a line end, others nothing), <script> and <style> go
// with what is in them, and the character references that news texts have (&amp; &nbsp; &#39; &#x2019; ...) become
// their characters. A "<" that begins no tag stays: this is no parser, and mathematics is no markup.
std::string without_markup(const std::string& text);

}  // namespace broadsheet
