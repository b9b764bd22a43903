// Which HDF5 library this program was linked with.
#pragma once

#include <string>

namespace broadsheet {

std::string hdf5_library_version();  // "1.10.8"

}  // namespace broadsheet
