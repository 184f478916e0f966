// Atlases by name, and their template against that of the data.
#include "parcels/find_atlas.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.hpp"
#include "made_atlas.hpp"
#include "parcels/image_parcels.hpp"
#include "support/expect_error.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

class FindAtlas : public testing::Test {
 protected:
  FindAtlas() {
    const test::MadeAtlas atlas({12, 12, 12}, test::centred({12, 12, 12}, 3));
    fs::create_directories(home_ / "tpl-MNI152NLin6Asym");
    fs::create_directories(directory_ / "own");
    for (const char* name :
         {"res-01_atlas-Made2018_desc-40Parcels7Networks", "res-02_atlas-Made2018_desc-40Parcels7Networks",
          "res-02_atlas-Made2018_desc-40Parcels17Networks", "res-02_atlas-Made2018_desc-60Parcels7Networks"})
      atlas.write(home_ / "tpl-MNI152NLin6Asym" / fmt::format("tpl-MNI152NLin6Asym_{}_dseg.nii.gz", name));
    test::write_file(home_ / "tpl-MNI152NLin6Asym/tpl-MNI152NLin6Asym_atlas-Made2018_desc-40Parcels7Networks_dseg.tsv",
                     "index\tname\n3\tThree\n");
    atlas.write(directory_ / "own/AAL.nii.gz");
    ::setenv("TEMPLATEFLOW_HOME", home_.c_str(), 1);
  }
  ~FindAtlas() override { ::unsetenv("TEMPLATEFLOW_HOME"); }

  AtlasFiles find(const std::string& name, double voxel_size = 2) const {
    return find_atlas({.atlas = name, .directory = directory_ / "own"}, {.name = "", .voxel_size = voxel_size});
  }

  const test::TemporaryDirectory directory_;
  const fs::path home_ = directory_ / "templateflow";
};

TEST_F(FindAtlas, NamesAndTheirParts) {
  EXPECT_EQ(find("aal").image, directory_ / "own/AAL.nii.gz");
  EXPECT_TRUE(find("AAL").table.empty());
  const AtlasFiles found = find("Made2018_40Parcels7");
  EXPECT_EQ(found.image.filename(), "tpl-MNI152NLin6Asym_res-02_atlas-Made2018_desc-40Parcels7Networks_dseg.nii.gz");
  EXPECT_EQ(found.table.filename(), "tpl-MNI152NLin6Asym_atlas-Made2018_desc-40Parcels7Networks_dseg.tsv");
  EXPECT_NE(find("Made2018_40Parcels7", 1.2).image.string().find("res-01"), std::string::npos) << "next to 1.2 mm";
  EXPECT_NE(find("Made2018_40Parcels7Networks_res-01").image.string().find("res-01"), std::string::npos);
  EXPECT_NE(find("Made2018_60").image.string().find("desc-60"), std::string::npos);
  EXPECT_EQ(find((directory_ / "own/AAL.nii.gz").string()).image, directory_ / "own/AAL.nii.gz");
}

TEST_F(FindAtlas, UnknownAndUnclearNamesAreRefused) {
  expect_error<UsageError>([&] { find("Made2018_40"); }, {"Made2018_40", "3 files fit", "17Networks"});
  expect_error<UsageError>([&] { find("Gordon"); },
                           {"atlas=Gordon", "atlas.dir", "TEMPLATEFLOW_HOME", "docs/parcels.md"});
}

TEST_F(FindAtlas, TemplatesAreCompared) {
  const AtlasSettings settings{.atlas = "Made2018_60"};
  const auto open = [&](const std::string& space, bool any = false) {
    AtlasSettings given = settings;
    given.any_space = any;
    return open_atlas(given, {.name = space, .voxel_size = 2});
  };
  EXPECT_TRUE(open("MNI152NLin6Asym").warnings.empty());
  EXPECT_TRUE(open("").warnings.empty());
  EXPECT_EQ(open("MNI152NLin6Asym").parcels.space, "MNI152NLin6Asym");
  const Atlas other = open("MNI152NLin2009cAsym");
  ASSERT_EQ(other.warnings.size(), 1u);
  EXPECT_NE(other.warnings[0].find("'MNI152NLin6Asym', the data are in 'MNI152NLin2009cAsym'"), std::string::npos);
  EXPECT_TRUE(open("MNI152NLin2009cAsym", true).warnings.empty());
  expect_error<DataError>([&] { open("T1w"); }, {"'T1w'", "atlas.any_space=true"});
  EXPECT_NO_THROW(open("T1w", true));
}

TEST(SpaceOfData, FromTheNameOrTheGrid) {
  const Grid fsl{{91, 109, 91}, {-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1}};
  EXPECT_EQ(space_of_data("a/sub-01_space-T1w_desc-x_bold.nii.gz", fsl).name, "T1w");
  EXPECT_EQ(space_of_data("sub-01.nii.gz", fsl).name, "MNI152NLin6Asym");
  EXPECT_NEAR(space_of_data("sub-01.nii.gz", fsl).voxel_size, 2, 1e-12);
  Grid moved = fsl;
  moved.affine[3] = 91;
  EXPECT_EQ(space_of_data("sub-01.nii.gz", moved).name, "");
}

}  // namespace
}  // namespace brainmt::parcels
