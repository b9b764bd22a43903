#include "trainer/parallel/library_version.h"

#include "trainer/parallel/mpi_communicator.h"

namespace broadsheet {

std::string mpi_library_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int size = 0;
  MPI_Get_library_version(text, &size);
  const std::string whole(text, static_cast<size_t>(size));
  return whole.substr(0, whole.find(','));
}

}  // namespace broadsheet
