#pragma once
// Expects an error of a type whose one-line message contains given texts.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace brainmt::test {

template <class Expected, class Action>
void expect_error(Action&& action, std::initializer_list<std::string> parts) {
  try {
    action();
  } catch (const Expected& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    return;
  }
  ADD_FAILURE() << "no error was thrown";
}

}  // namespace brainmt::test
