//! Tokens as what they are tokens of: frames, rows and columns.

use tch::Tensor;

use crate::Result;

/// Frames, rows, columns.
pub type Grid = [i64; 3];

/// Splits off the global token, changes the rest on the grid, puts it back: `x` is (.., n, channels).
pub(super) fn on_grid(
    x: &Tensor,
    grid: Grid,
    global: bool,
    f: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<(Tensor, Grid)> {
    let size = x.size();
    let (n, channels) = (size[size.len() - 2], size[size.len() - 1]);
    let x = x.f_reshape([-1, n, channels])?;
    let first = i64::from(global);
    let local =
        x.f_narrow(1, first, n - first)?.f_transpose(1, 2)?.f_reshape([-1, channels, grid[0], grid[1], grid[2]])?;
    let y = f(&local)?;
    let after = y.size();
    let mut tokens = y.f_flatten(2, 4)?.f_transpose(1, 2)?;
    if global {
        tokens = Tensor::f_cat(&[x.f_narrow(1, 0, 1)?, tokens], 1)?;
    }
    let mut shape = size[..size.len() - 2].to_vec();
    shape.extend([tokens.size()[1], channels]);
    Ok((tokens.f_reshape(&shape[..])?, [after[2], after[3], after[4]]))
}

/// Trilinear interpolation of (b, c, frames, rows, columns) to a grid larger by `stride`.
pub fn spread(x: &Tensor, stride: Grid) -> Result<Tensor> {
    let size = x.size();
    let [t, r, c] = [0, 1, 2].map(|i| size[i + 2] * stride[i]);
    if t == 1 {
        return Ok(x.f_squeeze_dim(2)?.f_upsample_bilinear2d([r, c], false, None, None)?.f_unsqueeze(2)?);
    }
    Ok(x.f_upsample_trilinear3d([t, r, c], false, None, None, None)?)
}
