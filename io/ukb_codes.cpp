#include "io/ukb_codes.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "io/lower_case.hpp"

namespace brainmt::io {
namespace {

// -818 prefer not to answer, -121 do not know, -313 not applicable or still so: of the online questionnaires, and never
// an amount. -11 to -27: the illnesses of relatives, asked in two groups.
constexpr std::array kEverywhere{-818, -121, -313};
constexpr std::array kRelatives{-11, -13, -17, -21, -23, -27};

// -1 do not know, -3 prefer not to answer.
constexpr std::array kDoNotKnow{
    709,   728,   738,   757,   767,   777,   796,   806,   816,   826,   845,   864,  874,  884,   894,   904,   914,
    924,   943,   971,   981,   991,   1001,  1011,  1021,  1031,  1050,  1060,  1070, 1080, 1090,  1100,  1110,  1120,
    1130,  1140,  1150,  1160,  1170,  1180,  1190,  1210,  1220,  1259,  1269,  1279, 1289, 1299,  1309,  1319,  1329,
    1339,  1349,  1359,  1369,  1379,  1389,  1408,  1418,  1428,  1438,  1448,  1458, 1468, 1488,  1498,  1508,  1528,
    1548,  1568,  1578,  1588,  1598,  1608,  1628,  1647,  1677,  1687,  1697,  1717, 1727, 1737,  1747,  1757,  1767,
    1777,  1787,  1797,  1807,  1835,  1845,  1873,  1883,  1920,  1930,  1940,  1950, 1960, 1970,  1980,  1990,  2000,
    2010,  2020,  2030,  2040,  2050,  2060,  2070,  2080,  2090,  2100,  2110,  2139, 2149, 2159,  2178,  2188,  2207,
    2217,  2227,  2237,  2247,  2257,  2267,  2277,  2296,  2306,  2316,  2335,  2345, 2355, 2365,  2375,  2385,  2405,
    2415,  2443,  2453,  2463,  2473,  2492,  2644,  2664,  2674,  2684,  2694,  2704, 2714, 2734,  2754,  2764,  2774,
    2784,  2794,  2804,  2814,  2824,  2834,  2844,  2867,  2877,  2887,  2897,  2907, 2926, 2936,  2946,  2956,  2966,
    2976,  2986,  3005,  3404,  3414,  3426,  3436,  3446,  3456,  3466,  3476,  3486, 3496, 3506,  3526,  3536,  3546,
    3571,  3581,  3591,  3606,  3616,  3627,  3637,  3647,  3659,  3669,  3680,  3700, 3710, 3720,  3731,  3741,  3751,
    3761,  3773,  3786,  3799,  3809,  3829,  3839,  3849,  3859,  3872,  3882,  3894, 3912, 3942,  3972,  3982,  3992,
    4012,  4022,  4041,  4056,  4067,  4407,  4418,  4429,  4440,  4451,  4462,  4501, 4526, 4537,  4548,  4559,  4570,
    4581,  4598,  4609,  4620,  4631,  4642,  4653,  4674,  4689,  4700,  4717,  4728, 4792, 4803,  4814,  4825,  4836,
    4849,  5057,  5364,  5375,  5386,  5408,  5419,  5430,  5441,  5452,  5463,  5474, 5485, 5496,  5507,  5518,  5529,
    5540,  5610,  5663,  5674,  5699,  5708,  5790,  5832,  5843,  5855,  5877,  5890, 5901, 5912,  5923,  5934,  5945,
    5959,  6119,  6147,  6153,  6154,  6155,  6156,  6157,  6158,  6159,  6177,  6183, 6194, 20006, 20007, 20008, 20009,
    20010, 20011, 20116, 20117, 21000, 22501, 22502, 22504, 22505, 22506, 22507, 22508};
// -3 alone, perhaps with -7, none of the above.
constexpr std::array kPreferNotTo{670,  680,  1200, 1239, 1249, 1478, 1518, 1538, 1558,  1618,  1707, 2129, 2654,
                                  2724, 3393, 5983, 6138, 6139, 6140, 6141, 6142, 6143,  6144,  6145, 6146, 6148,
                                  6149, 6150, 6151, 6152, 6160, 6162, 6164, 6179, 20118, 20119, 20160};
// -2: never went to school, unable to walk, never had sex; -4: do not remember; -5, -6: other answers of these fields.
constexpr std::array kNotAtAll{845, 864, 2139, 3700, 3710, 6142};
constexpr std::array kDoNotRemember{2754, 2764, 3872};
// -10, less than one: years at an address or in a job, hours of television, cups of tea, cigarettes.
constexpr std::array kLessThanOneFields{699,  757,  1050, 1060, 1070, 1080, 1090, 1289, 1299, 1309, 1319,
                                        1438, 1458, 1488, 1498, 1528, 2355, 2887, 3456, 5364, 6183};
// Tests that were abandoned are -1.
constexpr std::array kAbandoned{4282, 20240};

template <std::size_t N>
bool has(const std::array<int, N>& list, int value) {
  return std::ranges::find(list, value) != list.end();
}

bool is_one_of_relatives(int field) { return field >= 20107 && field <= 20114; }

}  // namespace

UkbCode ukb_code(int field, double value) {
  if (!(value < 0) || value != std::floor(value) || value < -1000) return UkbCode::kNone;
  const int code = static_cast<int>(value);
  const bool knows_not = has(kDoNotKnow, field) || field == 699;
  const bool missing = has(kEverywhere, code) || (knows_not && (code == -1 || code == -3 || code == -7)) ||
                       (has(kPreferNotTo, field) && (code == -3 || code == -7 || code == -1)) ||
                       (has(kNotAtAll, field) && code == -2) || (has(kDoNotRemember, field) && code == -4) ||
                       (has(kAbandoned, field) && code == -1) || (is_one_of_relatives(field) && has(kRelatives, code));
  if (missing) return UkbCode::kMissing;
  return code == -10 && has(kLessThanOneFields, field) ? UkbCode::kLessThanOne : UkbCode::kNone;
}

std::vector<int> ukb_suspects(int field, std::span<const double> numbers) {
  constexpr std::array kUsual{-1, -2, -3, -4, -7, -10, -11, -13, -17, -21, -23, -27, -999};
  std::vector<int> suspects;
  for (const double number : numbers) {
    if (std::isnan(number) || ukb_code(field, number) != UkbCode::kNone) continue;
    if (number != std::floor(number) || std::abs(number) > 1e9) return {};
    if (number >= 0) continue;
    const int code = static_cast<int>(number);
    if (!has(kUsual, code)) return {};
    if (std::ranges::find(suspects, code) == suspects.end()) suspects.push_back(code);
  }
  std::ranges::sort(suspects, std::greater());
  return suspects;
}

bool is_ukb_non_answer(std::string_view text) {
  constexpr std::array<std::string_view, 13> kWords{"do not know",
                                                    "don't know",
                                                    "prefer not to answer",
                                                    "preferred not to answer",
                                                    "none of the above",
                                                    "do not remember",
                                                    "not sure",
                                                    "unknown",
                                                    "date uncertain or unknown",
                                                    "time uncertain/unknown",
                                                    "not applicable",
                                                    "abandoned",
                                                    "never went to school"};
  return text.size() < 40 && std::ranges::find(kWords, lower_case(text)) != kWords.end();
}

bool is_ukb_less_than_one(std::string_view text) {
  const std::string word = lower_case(text.substr(0, 40));
  return word.starts_with("less than one") || word.starts_with("less than a") || word.starts_with("less than 1");
}

}  // namespace brainmt::io
