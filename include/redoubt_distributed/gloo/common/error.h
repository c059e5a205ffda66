#pragma once

// See ../context.h. c10d's header names nothing of this one.
