// ffcv includes the whole of OpenCV but calls cv::resize only: these two modules are enough to build it.
#pragma once
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
