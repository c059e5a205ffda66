#pragma once

#include "cloud_event.hpp"
#include "oip.hpp"

#include <string>

namespace redoubt::program {

/// The types of the events that KServe's payload logger sends.
inline constexpr const char* logged_request_type = "org.kubeflow.serving.inference.request";
inline constexpr const char* logged_response_type = "org.kubeflow.serving.inference.response";

/// The inference request in an event of KServe's payload logger.
///
/// Its data is the request's body as the server got it. How much of that is JSON where raw tensors follow stands in the
/// event's metadata, if the logger was told to keep the header (logger.metadataHeaders:
/// [Inference-Header-Content-Length]); else the leading JSON object is found by its braces. A body that is gzipped is
/// unpacked. Throws std::invalid_argument for what is no request (`parse_oip_request`).
[[nodiscard]] oip_request read_logged_request(const cloud_event& event);

}  // namespace redoubt::program
