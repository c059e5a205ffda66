#pragma once

// See context.h. What this header of gloo's has besides is not named by c10d's.
#include <gloo/context.h>
