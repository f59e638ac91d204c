"""Masks that every view numbers in its own way, made to agree by what they cover in 3D.

Notation, used throughout this package:

    i         one of N Gaussians; s_i(p) is its weight in pixel p of a view
    v, m      a view; a mask of one view, v(m)
    S_mi      mass of Gaussian i in mask m, in pixels: the sum of s_i(p) over the pixels p of m
    U_vi      mass of i in the pixels of view v that have no mask
    V_vi      mass of i in the pixels of v that say something: all those with a mask, and those without one too where
              they are known to be background
    A_ci      votes: mass of i in all masks of cluster c; A_0i, votes for none of them
    P_ci      A_ci / sum over c of A_ci

Masks that hold the same Gaussians are clustered (`overlaps`, `clusters`), clusters that other views do not confirm are
dropped (`votes`), clusters within clusters become parts (`hierarchy`), and the votes, drawn, repair the masks
(`redraw`). Nothing depends on the order of views, on the numbers of masks, or on video.

Source: the pieces are those of Lyu et al., Gaga, 2024 (masks associated through Gaussians), Yan et al., MaskClustering,
CVPR 2024 (a pair of masks is judged by what other views say), Shen et al., FlashSplat, ECCV 2024 (votes), and Keuper et
al., ICCV 2015 (greedy contraction of a signed graph).
"""

from splatsmith.segment2d.association.loop import Consistent, Given, associate
from splatsmith.segment2d.association.projector import Projector

__all__ = ["Consistent", "Given", "Projector", "associate"]
