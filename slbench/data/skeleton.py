"""COCO-WholeBody (133 points) and how MediaPipe Holistic maps to it.

COCO-WholeBody order: 0-16 body, 17-22 feet, 23-90 face (the 68 iBUG points),
91-111 left hand, 112-132 right hand. Left and right are the signer's.
"""

import numpy as np

from slbench.data.clip import POINTS, Array

LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6
LEFT_WRIST, RIGHT_WRIST = 9, 10
FEET = slice(17, 23)
FACE = slice(23, 91)
LEFT_HAND = slice(91, 112)
RIGHT_HAND = slice(112, 133)

# MediaPipe's 33 pose landmarks by COCO-WholeBody index. The small toes (18, 21) have no
# counterpart; MediaPipe's "foot index" is the tip of the big toe.
MEDIAPIPE_BODY: dict[int, int] = {
    0: 0,  # nose
    1: 2, 2: 5,  # eyes (centres), left, right
    3: 7, 4: 8,  # ears
    5: 11, 6: 12,  # shoulders
    7: 13, 8: 14,  # elbows
    9: 15, 10: 16,  # wrists
    11: 23, 12: 24,  # hips
    13: 25, 14: 26,  # knees
    15: 27, 16: 28,  # ankles
    17: 31, 20: 32,  # big toes
    19: 29, 22: 30,  # heels
}  # fmt: skip

# MediaPipe face-mesh vertices by iBUG number (COCO-WholeBody index minus 23). MediaPipe's
# two iris rings (468-477) and the rest of its mesh have no counterpart.
MEDIAPIPE_FACE: tuple[int, ...] = (
    # 0-16: contour of the face, from the signer's right ear over the chin to the left ear
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,
    # 17-21 right eyebrow and 22-26 left eyebrow, from right to left
    70, 63, 105, 66, 107,
    336, 296, 334, 293, 300,
    # 27-30: bridge of the nose, downwards; 30 (point 53) is the tip
    168, 197, 5, 4,
    # 31-35: lower rim of the nose, from right to left
    75, 97, 2, 326, 305,
    # 36-41 right eye and 42-47 left eye: right corner, upper lid, left corner, lower lid
    33, 160, 158, 133, 153, 144,
    362, 385, 387, 263, 373, 380,
    # 48-59 outer lips: right corner, upper edge, left corner, lower edge back
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    # 60-67 inner lips: right corner, upper edge, left corner, lower edge back
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip

MEDIAPIPE_POSE_POINTS, MEDIAPIPE_FACE_POINTS, HAND_POINTS = 33, 478, 21


def mediapipe_index(face_points: int = MEDIAPIPE_FACE_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Index pairs (whole-body point, Holistic point), Holistic laid out body, face, left hand, right hand.

    Hands have the same 21 points in the same order in both sets: wrist, then thumb,
    index, middle, ring and little finger, each from the palm outwards.
    """
    face = MEDIAPIPE_POSE_POINTS
    left = face + face_points
    right = left + HAND_POINTS
    pairs = [*MEDIAPIPE_BODY.items()]
    pairs += [(FACE.start + i, face + vertex) for i, vertex in enumerate(MEDIAPIPE_FACE)]
    pairs += [(LEFT_HAND.start + i, left + i) for i in range(HAND_POINTS)]
    pairs += [(RIGHT_HAND.start + i, right + i) for i in range(HAND_POINTS)]
    target, source = np.array(pairs).T
    return target, source


def from_mediapipe(
    xy: Array, confidence: Array, width: float, height: float, face_points: int = MEDIAPIPE_FACE_POINTS
) -> tuple[Array, Array]:
    """Map Holistic landmarks to COCO-WholeBody.

    Args:
        xy: (T, 553 or more, 2) pixels: 33 pose, 478 face, 21 left and 21 right hand points; the rest is ignored.
        confidence: (T, 553 or more) visibility of pose points, presence of the others.
        width, height: of the image, pixels.
        face_points: of the mesh; 468 where it was made without irises, and all further points come 10 earlier.

    Returns:
        keypoints (T, 133, 2) divided by the image size and scores (T, 133). Points without a
        counterpart, and points that were not found, have score 0 and place (0, 0).
    """
    target, source = mediapipe_index(face_points)
    keypoints = np.zeros((len(xy), POINTS, 2), np.float32)
    scores = np.zeros((len(xy), POINTS), np.float32)
    keypoints[:, target] = xy[:, source] / np.array([width, height], np.float32)
    scores[:, target] = confidence[:, source]
    keypoints[scores == 0] = 0
    return keypoints, scores


# Left-right partners, for mirroring a signer.
_BODY_PAIRS = [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16), (17, 20), (18, 21), (19, 22)]
_IBUG_PAIRS = [
    *((i, 16 - i) for i in range(8)),
    *((17 + i, 26 - i) for i in range(5)),
    *((31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)),
]


def mirror_index() -> np.ndarray:
    """(133,): the point that takes each point's place when left and right are exchanged."""
    index = np.arange(POINTS)
    pairs = _BODY_PAIRS + [(23 + a, 23 + b) for a, b in _IBUG_PAIRS]
    pairs += [(LEFT_HAND.start + i, RIGHT_HAND.start + i) for i in range(HAND_POINTS)]
    for left, right in pairs:
        index[[left, right]] = right, left
    return index


def mirrored(keypoints: Array, scores: Array) -> tuple[Array, Array]:
    """The clip in a mirror: x becomes 1 - x and left points exchange with right ones."""
    index = mirror_index()
    flipped = keypoints[:, index] * np.array([-1, 1], np.float32) + np.array([1, 0], np.float32)
    return flipped.astype(np.float32), scores[:, index]
