"""Beginning with one's own keypoints and pictures: files of a new project, and OKS sigmas."""
