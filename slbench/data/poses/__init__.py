"""Pose files of other people and our own, found by name and read as `Poses`.

Four formats: Uni-Sign's pickles (`.pkl`), slbench's own (`.npz`), mmpose's JSON and pose-format's `.pose`.
"""

from slbench.data.poses.base import Poses
from slbench.data.poses.files import PoseFile
from slbench.data.poses.folder import PoseFolder
from slbench.data.poses.own import write_poses

__all__ = ["PoseFile", "PoseFolder", "Poses", "write_poses"]
