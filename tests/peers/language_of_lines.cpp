// language_of_lines < TEXTS: the language of each line, as prepare tells it, for languages.py.
#include <iostream>
#include <string>

#include "data/cleaning/language.h"

int main() {
  for (std::string line; std::getline(std::cin, line);) std::cout << broadsheet::language_of({line}) << "\n";
  return 0;
}
