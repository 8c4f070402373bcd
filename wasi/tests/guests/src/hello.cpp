// Hello from C++.
#include <cstdio>
#include <string>
#include <vector>

int main() {
    std::vector<std::string> words{"hello", "from", "C++"};
    std::string line;
    for (const auto &word : words) {
        line += (line.empty() ? "" : " ") + word;
    }
    std::puts(line.c_str());
}
