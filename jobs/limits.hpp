#pragma once
// Sizes and times as Slurm spells them, as numbers.
#include <string>

namespace brainmt::jobs {

/// "500M", "16G", "2048" (which is mebibytes) in bytes. Throws UsageError.
double bytes_of(const std::string& memory);

/// "90" (minutes), "30:00", "1:30:00", "2-12", "2-12:30", "2-12:30:00" in seconds. Throws UsageError.
double seconds_of(const std::string& time);

}  // namespace brainmt::jobs
