"""3D-GALP: parts lifted from soft maps of views, as labels that may look different from every side.

Notation, beside that of segment3d/targets.py:

    e_c     (D,) codeword of class c; a label is a point of this space
    r_i     (K, D) label of Gaussian i as spherical harmonics, K = (degree + 1)^2
    l_i(d)  = 1/2 + Y(d) . r_i, the label seen along d
    m_iv    weight of Gaussian i in view v, as a share of its weight in all views
    S_i     softness: how much a label is unsure of itself

    L = L_seg + lambda L_GALP
    L_seg   = mean over pixels of |sum_i w_i l_i + (1 - alpha) e_0 - target|_1, times what is known of them
    L_GALP  = mean over anchors i, soft and hard ones, and neighbours j of |r_i - r_j|_1

Geometry is at rest throughout. Source: RoMaP (arXiv 2507.11061), section 3.1, and its code; where this differs, the
module that does says so.
"""
