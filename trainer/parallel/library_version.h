// Which MPI library this program was linked with.
#pragma once

#include <string>

namespace broadsheet {

std::string mpi_library_version();  // "Open MPI v4.1.4"; may be called without MPI_Init

}  // namespace broadsheet
